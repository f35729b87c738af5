import { type Checkpoint } from './checkpoint.ts';
import { joinPath, makeFolder, writeFileAtomic, writeFolderAtomic, writeJsonFile } from './files.ts';
import { safetensorsBytes } from './safetensors.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';

/** What goes into a checkpoint folder beside its tensors; taken from the checkpoint that it came from. */
export type CheckpointMetadata = Pick<
  Checkpoint,
  'config' | 'tokenizer' | 'generationConfig' | 'preprocessorConfig' | 'shards'
> & {
  /** Its README.md. */
  readonly card?: string;
};

const single = 'model.safetensors';
/** A shard's name that can be written as it is; others lie in one file. */
const shardName = /^[\w][\w.-]*\.safetensors$/;

/** The tensors of each file: those of the base's shards, new ones in the last; all in one where it has none. */
function filesOf(tensors: Iterable<TensorSource>, shards: Checkpoint['shards']): Map<string, TensorSource[]> {
  const names = [...new Set(shards?.values())].toSorted();
  const last = names.at(-1);
  const files = new Map<string, TensorSource[]>();
  for (const source of tensors) {
    const whole = last === undefined || !names.every((name) => shardName.test(name));
    const file = whole ? single : (shards?.get(source.name) ?? last);
    const held = files.get(file);
    if (held) held.push(source);
    else files.set(file, [source]);
  }
  return files;
}

/** The safetensors of a folder, with an index where they are not one file. */
async function writeTensors(folder: string, files: ReadonlyMap<string, readonly TensorSource[]>): Promise<void> {
  for (const [file, sources] of files) await writeFileAtomic(joinPath(folder, file), safetensorsBytes(sources));
  if (files.has(single)) return;
  const placed = [...files].flatMap(([file, sources]) => sources.map(({ name }): [string, string] => [name, file]));
  const bytes = [...files.values()].flat().reduce((total, { byteLength }) => total + byteLength, 0);
  await writeJsonFile(joinPath(folder, `${single}.index.json`), {
    metadata: { total_size: bytes },
    weight_map: Object.fromEntries(placed.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  });
}

/**
 * Writes a folder that transformers loads: config.json, model.safetensors (or shards as the base has them and their index),
 * generation_config.json, preprocessor_config.json and the tokenizer's files with the chat template. The folder appears whole or not
 * at all. Throws Error when it is there already, unless
 * `replace`.
 */
export async function writeCheckpoint(
  folder: string,
  tensors: Iterable<TensorSource>,
  metadata: CheckpointMetadata,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  await writeFolderAtomic(
    folder,
    async (temporary) => {
      await writeTensors(temporary, filesOf(tensors, metadata.shards));
      await writeCheckpointFiles(temporary, metadata);
    },
    options,
  );
}

/** What stands in a checkpoint's folder beside its weights, into a folder that is there. */
export async function writeCheckpointFiles(
  folder: string,
  { config, tokenizer, generationConfig, preprocessorConfig, card }: CheckpointMetadata,
): Promise<void> {
  const at = (name: string): string => joinPath(folder, name);
  if (card !== undefined) await writeFileAtomic(at('README.md'), card);
  await writeJsonFile(at('config.json'), config);
  if (generationConfig !== undefined) await writeJsonFile(at('generation_config.json'), generationConfig);
  if (preprocessorConfig !== undefined) await writeJsonFile(at('preprocessor_config.json'), preprocessorConfig);
  if (!tokenizer) return;
  await writeJsonFile(at('tokenizer.json'), tokenizer.tokenizerJson);
  await writeJsonFile(at('tokenizer_config.json'), tokenizer.tokenizerConfig);
  if (tokenizer.chatTemplate !== undefined) await writeFileAtomic(at('chat_template.jinja'), tokenizer.chatTemplate);
  const named = Object.entries(tokenizer.namedTemplates);
  if (named.length > 0) await makeFolder(at('additional_chat_templates'));
  for (const [name, template] of named) {
    if (!/^\w[\w-]*$/.test(name))
      throw new RangeError(`Expected a chat template's name of letters, digits, _ and - but found ${name}`);
    await writeFileAtomic(at(`additional_chat_templates/${name}.jinja`), template);
  }
}
