import { type Checkpoint } from './checkpoint.ts';
import { joinPath, writeFileAtomic, writeFolderAtomic, writeJsonFile } from './files.ts';
import { safetensorsBytes } from './safetensors.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';

/** What goes into a checkpoint folder beside its tensors; taken from the checkpoint that it came from. */
export type CheckpointMetadata = Pick<Checkpoint, 'config' | 'tokenizer' | 'generationConfig'>;

/**
 * Writes a folder that transformers loads: config.json, model.safetensors, generation_config.json and the tokenizer's
 * files with the chat template. The folder appears whole or not at all. Throws Error when it is there already, unless
 * `replace`.
 */
export async function writeCheckpoint(
  folder: string,
  tensors: Iterable<TensorSource>,
  { config, tokenizer, generationConfig }: CheckpointMetadata,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  await writeFolderAtomic(
    folder,
    async (temporary) => {
      const at = (name: string): string => joinPath(temporary, name);
      await writeFileAtomic(at('model.safetensors'), safetensorsBytes(tensors));
      await writeJsonFile(at('config.json'), config);
      if (generationConfig !== undefined) await writeJsonFile(at('generation_config.json'), generationConfig);
      if (!tokenizer) return;
      await writeJsonFile(at('tokenizer.json'), tokenizer.tokenizerJson);
      await writeJsonFile(at('tokenizer_config.json'), tokenizer.tokenizerConfig);
      if (tokenizer.chatTemplate !== undefined)
        await writeFileAtomic(at('chat_template.jinja'), tokenizer.chatTemplate);
    },
    options,
  );
}
