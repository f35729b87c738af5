/** Which files of a repository a model, an adapter or a data set consists of; nothing pickled, nothing for other libraries. */
import { describe, isRecord, parseJson } from './json.ts';

type Read = (file: string) => Promise<string>;

const textFiles = new Set([
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
]);

const isText = (name: string): boolean => textFiles.has(name) || /^additional_chat_templates\/[^/]+\.jinja$/.test(name);

/** What there is instead of safetensors, for the error. */
function instead(files: readonly string[]): string {
  const gguf = files.find((name) => name.endsWith('.gguf'));
  if (gguf !== undefined) return `; it holds GGUF files: name one, as org/name/${gguf}`;
  if (files.includes('adapter_config.json')) return '; it holds an adapter, which needs its base model';
  const pickled = files.find((name) => /\.(bin|pt|pth|ckpt)$/.test(name));
  return pickled === undefined ? '' : `; it holds ${pickled}, a pickle, which is not read`;
}

/** Config, tokenizer, templates and, unless left out, the card and the safetensors in one file or in the shards that the index names. Error where there are none. */
export async function modelFiles(files: readonly string[], read: Read, weights = true): Promise<string[]> {
  const tokenizer = files.filter(isText);
  if (!weights) return tokenizer;
  // Its licence goes into the cards of what comes of it.
  const texts = files.filter((name) => isText(name) || name === 'README.md');
  if (!files.includes('config.json'))
    throw new Error(`expected a model with config.json but found none${instead(files)}`);
  if (files.includes('model.safetensors')) return [...texts, 'model.safetensors'];
  const index = 'model.safetensors.index.json';
  if (!files.includes(index))
    throw new Error(`expected model.safetensors or ${index} but found neither${instead(files)}`);
  const value = parseJson(await read(index), index);
  const map = isRecord(value) ? value['weight_map'] : undefined;
  const shards = isRecord(map) ? [...new Set(Object.values(map))] : [];
  const missing = shards.find((shard) => typeof shard !== 'string' || !files.includes(shard));
  if (shards.length === 0 || missing !== undefined)
    throw new Error(`${index}: expected files of the repository but found ${describe(missing)}`);
  return [...texts, index, ...(shards as string[])];
}

/** The two files of a PEFT adapter. Error where one is missing. */
export async function adapterFiles(files: readonly string[]): Promise<string[]> {
  const wanted = ['adapter_config.json', 'adapter_model.safetensors'];
  const missing = wanted.find((name) => !files.includes(name));
  if (missing === undefined) return wanted;
  throw new Error(
    `expected a PEFT adapter with ${missing} but found none${files.includes('adapter_model.bin') ? '; it holds adapter_model.bin, a pickle, which is not read' : ''}`,
  );
}
