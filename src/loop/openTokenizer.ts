import { openCheckpoint } from '../hub/checkpoint.ts';
import { type CheckpointTokenizer, readCheckpointTokenizer } from '../hub/checkpoint-tokenizer.ts';
import { jsonIn, pathKind } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import { named } from '../ir/errors.ts';
import { locateTokenizer } from '../hub/node/locate.ts';
import { loadTokenizer, type Tokenizer } from '../hub/tokenizer.ts';

/** The tokenizer of a checkpoint's files; the first config that names stop tokens decides them. Error where there is none. */
export function tokenizerOf(
  path: string,
  files: CheckpointTokenizer | undefined,
  configs: readonly unknown[],
): Tokenizer {
  if (files === undefined) throw new Error(`${path}: expected a tokenizer (tokenizer.json) but found none`);
  const eos = configs.find(
    (config) => isRecord(config) && config['eos_token_id'] !== undefined && config['eos_token_id'] !== null,
  );
  return named(path, () => loadTokenizer(files, eos ?? {}));
}

/** The tokenizer of a checkpoint folder, .gguf file or Hugging Face id, without its weights. */
export async function openTokenizer(model: string): Promise<Tokenizer> {
  const { path } = await locateTokenizer(model);
  if ((await pathKind(path)) === 'folder') {
    const files = await readCheckpointTokenizer(path);
    const generation = await jsonIn(path, 'generation_config.json');
    return tokenizerOf(path, files, [generation, await jsonIn(path, 'config.json')]);
  }
  const checkpoint = await openCheckpoint(path);
  try {
    return tokenizerOf(path, checkpoint.tokenizer, [checkpoint.generationConfig, checkpoint.config]);
  } finally {
    await checkpoint.close();
  }
}
