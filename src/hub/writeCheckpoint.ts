import { type Checkpoint } from './checkpoint.ts';
import { joinPath, makeFolder, writeFileAtomic, writeFolderAtomic, writeJsonFile } from './files.ts';
import { safetensorsBytes } from './safetensors.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';

/** What goes into a checkpoint folder beside its tensors; taken from the checkpoint that it came from. */
export type CheckpointMetadata = Pick<Checkpoint, 'config' | 'tokenizer' | 'generationConfig' | 'preprocessorConfig'>;

/**
 * Writes a folder that transformers loads: config.json, model.safetensors, generation_config.json, preprocessor_config.json and the tokenizer's
 * files with the chat template. The folder appears whole or not at all. Throws Error when it is there already, unless
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
      await writeFileAtomic(joinPath(temporary, 'model.safetensors'), safetensorsBytes(tensors));
      await writeCheckpointFiles(temporary, metadata);
    },
    options,
  );
}

/** What stands in a checkpoint's folder beside its weights, into a folder that is there. */
export async function writeCheckpointFiles(
  folder: string,
  { config, tokenizer, generationConfig, preprocessorConfig }: CheckpointMetadata,
): Promise<void> {
  const at = (name: string): string => joinPath(folder, name);
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
