import type { TensorSource } from '../runtime/tensor-source.ts';
import type { Gguf } from './gguf.ts';
import type { GgufField } from './gguf-bytes.ts';
import type { GgufLayout } from './gguf-layouts.ts';
import { ggufFields } from './gguf-metadata.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a model's GGUF holds beside its tokenizer. */
export interface GgufWriting {
  readonly fields: readonly (readonly [key: string, field: GgufField])[];
  /** Of a tensor by its GGUF name. */
  layout(stored: string): GgufLayout | undefined;
  /** Tensors that a checkpoint has in its config. */
  readonly more?: readonly TensorSource[];
}

/** An architecture of llama.cpp: what its files call things, and config and tensors both ways. */
export interface GgufArchitecture {
  /** general.architecture */
  readonly name: string;
  /** The hub's model_type of what is written as it. */
  readonly modelTypes: readonly string[];
  /** Path of the blocks in a checkpoint. */
  readonly blocks: string;
  /** Modules of a block, by their GGUF name. */
  readonly modules: Readonly<Record<string, string>>;
  /** Tensors outside of blocks, by their GGUF name. */
  readonly outer: Readonly<Record<string, string>>;
  /** Metadata keys that are read or change nothing, without the architecture's name before them. */
  readonly keys: readonly string[];
  /** How a file's tensors lie, by their GGUF name. */
  layout(gguf: Gguf): (stored: string) => GgufLayout | undefined;
  /** What config.json has beside `commonConfig`. TypeError, naming the key, for what the hub's model has no place for. */
  config(gguf: Gguf): Promise<Json>;
  /** TypeError, naming the field, for what a GGUF has no place for. */
  write(config: Json): GgufWriting;
}

/** Keys that change nothing that a model computes. */
export const silentKeys: readonly string[] = ['vocab_size', 'tensor_data_layout'];

/** Fields of config.json that every architecture has. */
export function commonConfig(gguf: Gguf): Record<string, unknown> {
  const fields = ggufFields(gguf);
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined) throw new RangeError(`${fields.file}: expected tensor token_embd.weight but found none`);
  const id = (name: string): number | null => fields.integer(`tokenizer.ggml.${name}_token_id`) ?? null;
  return {
    bos_token_id: id('bos'),
    eos_token_id: id('eos'),
    pad_token_id: id('padding'),
    dtype: 'float32',
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    vocab_size: embedding.shape[0],
  };
}

export interface GgufHeads {
  readonly query: number;
  readonly keyValue: number;
  readonly size: number;
}

/** Heads of an architecture's attention. TypeError where keys and values are of different sizes. */
export function ggufHeads(gguf: Gguf, name: string): GgufHeads {
  const fields = ggufFields(gguf);
  const query = fields.requiredInteger(`${name}.attention.head_count`);
  const keyValue = fields.integer(`${name}.attention.head_count_kv`) ?? query;
  const size =
    fields.integer(`${name}.attention.key_length`) ?? fields.requiredInteger(`${name}.embedding_length`) / query;
  const valueSize = fields.integer(`${name}.attention.value_length`) ?? size;
  if (query < 1 || keyValue < 1 || !Number.isInteger(size) || size < 1) {
    throw new RangeError(`${fields.file}: expected heads that divide the width but found ${query} and ${keyValue}`);
  }
  if (valueSize !== size) {
    throw new TypeError(
      `${fields.file}: ${name}.attention.value_length: expected the key length ${size} but found ${valueSize}`,
    );
  }
  return { query, keyValue, size };
}
