import { fileIn, joinPath, jsonIn, listFolder, pathKind, readJsonFile, readTextFile } from './files.ts';
import { describe, isRecord } from './json.ts';

/** What a Hugging Face folder's tokenizer files say. */
export interface CheckpointTokenizer {
  /** tokenizer.json, parsed. */
  readonly tokenizerJson: unknown;
  /** tokenizer_config.json, parsed. */
  readonly tokenizerConfig: unknown;
  /** The default chat template. */
  readonly chatTemplate?: string;
  /** Further chat templates by name, such as tool_use. */
  readonly namedTemplates: Readonly<Record<string, string>>;
}

/** Templates inside tokenizer_config.json: one text, or a list of {name, template}. */
function templatesInConfig(config: unknown, where: string): Map<string, string> {
  const value = isRecord(config) ? config['chat_template'] : undefined;
  if (value === undefined || value === null) return new Map();
  if (typeof value === 'string') return new Map([['default', value]]);
  const templates = new Map<string, string>();
  for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
    const { name, template } = isRecord(each) ? each : {};
    if (typeof name !== 'string' || typeof template !== 'string') {
      throw new SyntaxError(`${where}: chat_template: expected a text or {name, template} but found ${describe(each)}`);
    }
    templates.set(name, template);
  }
  return templates;
}

/** Templates in files of their own, which take the place of all in tokenizer_config.json. */
async function templatesInFiles(folder: string): Promise<Map<string, string>> {
  const templates = new Map<string, string>();
  const single = await fileIn(folder, 'chat_template.jinja');
  if (single !== undefined) templates.set('default', await readTextFile(single));
  const further = 'additional_chat_templates';
  if ((await pathKind(joinPath(folder, further))) === 'folder') {
    for (const name of await listFolder(joinPath(folder, further))) {
      const path = name.endsWith('.jinja') ? await fileIn(folder, `${further}/${name}`) : undefined;
      if (path !== undefined) templates.set(name.slice(0, -6), await readTextFile(path));
    }
  }
  return templates;
}

/** Reads the tokenizer and chat templates of a checkpoint folder; undefined where it has no tokenizer.json. */
export async function readCheckpointTokenizer(folder: string): Promise<CheckpointTokenizer | undefined> {
  const path = await fileIn(folder, 'tokenizer.json');
  if (path === undefined) return undefined;
  const tokenizerJson = await readJsonFile(path);
  const configPath = joinPath(folder, 'tokenizer_config.json');
  const tokenizerConfig = (await jsonIn(folder, 'tokenizer_config.json')) ?? {};
  const files = await templatesInFiles(folder);
  const templates = files.size > 0 ? files : templatesInConfig(tokenizerConfig, configPath);
  const chatTemplate = templates.get('default');
  templates.delete('default');
  return {
    tokenizerJson,
    tokenizerConfig,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    namedTemplates: Object.fromEntries(templates),
  };
}
