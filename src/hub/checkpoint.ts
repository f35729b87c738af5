import type { TensorSource } from '../runtime/tensor-source.ts';
import { cardLicense } from './cardLicense.ts';
import { openTensors } from './checkpoint-tensors.ts';
import { joinPath, jsonIn, openFile, pathKind } from './files.ts';
import { folderHint } from './folderHint.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readGguf } from './gguf.ts';
import type { Gguf } from './gguf.ts';
import { ggufDecoderConfig, ggufDecoderTensors } from './gguf-decoder.ts';
import { ggufFields } from './gguf-metadata.ts';
import { ggufTokenizer } from './gguf-tokenizer.ts';
import { recordOf } from './json.ts';
import { locateModel } from './node/locate.ts';
import { readCheckpointTokenizer } from './checkpoint-tokenizer.ts';
import type { CheckpointTokenizer } from './checkpoint-tokenizer.ts';

export type { CheckpointTokenizer } from './checkpoint-tokenizer.ts';

/** An open checkpoint: what a Hugging Face folder holds, whatever kind of file it came from. */
export interface Checkpoint {
  readonly path: string;
  readonly format: 'safetensors' | 'gguf';
  /** config.json as it is; for a GGUF, made from its metadata. */
  readonly config: Record<string, unknown>;
  /** By Hugging Face name, in Hugging Face's layout. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** The file of each tensor, where the folder has several. */
  readonly shards?: ReadonlyMap<string, string>;
  readonly tokenizer?: CheckpointTokenizer;
  readonly generationConfig?: unknown;
  /** preprocessor_config.json: how images become what the model takes. */
  readonly preprocessorConfig?: unknown;
  /** The hub's short name of its licence, where its card or metadata tells. */
  readonly license?: string;
  /** SHA-256 over all tensors whole: names, shapes, storage types and bytes. */
  fingerprint(): Promise<string>;
  /** Closes the files; the sources cannot be read after that. */
  close(): Promise<void>;
}

/** Fields that the object has only where there is a value. */
const present = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: V });

/** Computes once, when first asked. */
function once<T>(compute: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= compute());
}

async function folderConfig(path: string): Promise<Record<string, unknown>> {
  const read = await jsonIn(path, 'config.json');
  if (read === undefined) {
    throw new Error(
      `${path}: expected a checkpoint folder with config.json but found none${await folderHint(path, 'checkpoint')}`,
    );
  }
  return recordOf(read, joinPath(path, 'config.json'));
}

async function openFolder(path: string): Promise<Checkpoint> {
  const config = await folderConfig(path);
  const tokenizer = await readCheckpointTokenizer(path);
  const generationConfig = await jsonIn(path, 'generation_config.json');
  const preprocessorConfig = await jsonIn(path, 'preprocessor_config.json');
  const opened = await openTensors(path);
  if (opened === undefined) {
    throw new Error(
      `${path}: expected model.safetensors or model.safetensors.index.json but found neither${await folderHint(path, 'checkpoint')}`,
    );
  }
  const { tensors } = opened;
  return {
    path,
    format: 'safetensors',
    config,
    tensors,
    ...present('shards', opened.shards),
    ...present('tokenizer', tokenizer),
    ...present('generationConfig', generationConfig),
    ...present('preprocessorConfig', preprocessorConfig),
    ...present('license', await cardLicense(path)),
    fingerprint: once(() => fingerprintOf(tensors.values())),
    close: () => opened.close(),
  };
}

/** The ids that generation starts with, pads with and stops at; a turn's end stops too. */
function ggufGenerationConfig(gguf: Gguf): Record<string, unknown> {
  const fields = ggufFields(gguf);
  const id = (name: string): number | undefined => fields.integer(`tokenizer.ggml.${name}_token_id`);
  const stops = [...new Set([id('eos'), id('eot')])].filter((each) => each !== undefined);
  return {
    ...present('bos_token_id', id('bos')),
    ...present('eos_token_id', stops.length > 1 ? stops : stops[0]),
    ...present('pad_token_id', id('padding')),
  };
}

/** Metadata for people: of another kind it is as if it were not there. */
function ggufLicense({ metadata }: Gguf): string | undefined {
  const license = metadata.get('general.license');
  return typeof license === 'string' ? license : undefined;
}

async function openGguf(path: string): Promise<Checkpoint> {
  const file = await openFile(path);
  try {
    const gguf = await readGguf(file);
    const config = await ggufDecoderConfig(gguf);
    const tensors = ggufDecoderTensors(gguf);
    return {
      path,
      format: 'gguf',
      config,
      tensors,
      ...present('tokenizer', ggufTokenizer(gguf)),
      generationConfig: ggufGenerationConfig(gguf),
      ...present('license', ggufLicense(gguf)),
      fingerprint: once(() => fingerprintOf(tensors.values())),
      close: () => file.close(),
    };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** Where a model is and what kind of file; Error where it is neither. */
async function placeOf(model: string): Promise<{ readonly path: string; readonly format: Checkpoint['format'] }> {
  const { path } = await locateModel(model);
  const kind = await pathKind(path);
  if (kind === 'folder') return { path, format: 'safetensors' };
  if (kind === 'file' && path.endsWith('.gguf')) return { path, format: 'gguf' };
  const found = kind === undefined ? 'nothing' : 'a file of another kind';
  throw new Error(`${path}: expected a checkpoint folder or a .gguf file but found ${found}`);
}

/** Opens a checkpoint folder, a .gguf file or a model of the Hugging Face hub; Error, SyntaxError, RangeError or TypeError that names the file. */
export async function openCheckpoint(model: string): Promise<Checkpoint> {
  const { path, format } = await placeOf(model);
  return format === 'safetensors' ? openFolder(path) : openGguf(path);
}

/** The config of a checkpoint, of a folder without reading anything else. Throws as `openCheckpoint` does. */
export async function checkpointConfig(model: string): Promise<Checkpoint['config']> {
  const { path, format } = await placeOf(model);
  if (format === 'safetensors') return folderConfig(path);
  const { config, close } = await openGguf(path);
  await close();
  return config;
}
