import { sizeOf } from '../ir/types.ts';
import { fieldsOf } from '../nn/fields.ts';
import { type LlamaConfig, parseLlamaConfig } from '../nn/models/llama.ts';
import { bytesOf } from '../runtime/storage.ts';
import { f32Source, type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import type { GgufField } from './gguf-bytes.ts';
import { ggufLlamaName } from './gguf-decoder.ts';

/** Rope settings as GGUF keeps them, and divisors of the inverse frequencies where it has no name for the scaling. */
function ropeOf(json: Readonly<Record<string, unknown>>, { headWidth, maxPositions, rope }: LlamaConfig): Rope {
  const fields = fieldsOf(json, 'config.json');
  const parameters = fields.object('rope_parameters') ?? fields.object('rope_scaling');
  const theta =
    parameters?.number('rope_theta', fields.number('rope_theta', 10000)) ?? fields.number('rope_theta', 10000);
  const type = parameters?.string('rope_type', parameters.string('type', 'default')) ?? 'default';
  const base: [string, GgufField][] = [
    ['llama.rope.dimension_count', { u32: 2 * rope.inverseFrequencies.length }],
    ['llama.rope.freq_base', { f32: theta }],
  ];
  if (2 * rope.inverseFrequencies.length !== headWidth)
    throw new TypeError('config.json: partial_rotary_factor: a llama GGUF rotates whole heads');
  if (parameters === undefined || type === 'default') return { fields: base };
  const factor = (): GgufField => ({ f32: parameters.number('factor') });
  if (type === 'linear') {
    return {
      fields: [...base, ['llama.rope.scaling.type', { text: 'linear' }], ['llama.rope.scaling.factor', factor()]],
    };
  }
  if (type === 'yarn') {
    const unusual = ['beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate', 'attention_factor'].find(
      (name) => parameters.optional(name) !== undefined,
    );
    if (unusual !== undefined)
      throw new TypeError(`config.json: ${unusual}: a llama GGUF has no place for this option of yarn`);
    const original = parameters.integer('original_max_position_embeddings', maxPositions);
    return {
      fields: [
        ...base,
        ['llama.rope.scaling.type', { text: 'yarn' }],
        ['llama.rope.scaling.factor', factor()],
        ['llama.rope.scaling.original_context_length', { u32: original }],
      ],
    };
  }
  const factors = Float32Array.from(rope.inverseFrequencies, (each, i) => theta ** ((-2 * i) / headWidth) / each);
  return { fields: base, factors };
}

interface Rope {
  readonly fields: readonly (readonly [string, GgufField])[];
  readonly factors?: Float32Array;
}

/** GGUF's row order of llama's q and k: within a head of d rows, row p·d/2 + j goes to 2j + p. Works on whole rows, so on blocks too. */
export function permutedSource(source: TensorSource, name: string, heads: number): TensorSource {
  const { shape, storage, byteLength } = source;
  const rows = shape[0] ?? 1;
  const rowBytes = bytesOf(storage, sizeOf(shape.slice(1)));
  const half = rows / heads / 2;
  if (!Number.isInteger(half))
    throw new RangeError(`${name}: expected ${heads} heads of even size but found ${rows} rows`);
  return tensorSource(name, shape, storage, async function* () {
    const stored = await source.read();
    const ordered = new Uint8Array(byteLength);
    for (let row = 0; row < rows; row++) {
      const within = row % (2 * half);
      const target = row - within + 2 * (within % half) + Math.floor(within / half);
      ordered.set(stored.subarray(row * rowBytes, (row + 1) * rowBytes), target * rowBytes);
    }
    yield ordered;
  });
}

/** What a GGUF of an architecture is made of. */
export interface GgufParts {
  readonly architecture: string;
  readonly fields: ReadonlyMap<string, GgufField>;
  readonly tensors: readonly TensorSource[];
}

/** A Llama as llama.cpp has it. TypeError, naming field or tensor, for what it has no place for. */
export function ggufOfLlama(json: Readonly<Record<string, unknown>>, tensors: Iterable<TensorSource>): GgufParts {
  const config = parseLlamaConfig(json);
  if (config.activation !== 'silu')
    throw new TypeError(`config.json: hidden_act ${config.activation}: a llama GGUF computes silu`);
  const rope = ropeOf(json, config);
  const fields = new Map<string, GgufField>([
    ['llama.block_count', { u32: config.layers }],
    ['llama.context_length', { u32: config.maxPositions }],
    ['llama.embedding_length', { u32: config.hiddenSize }],
    ['llama.feed_forward_length', { u32: config.intermediateSize }],
    ['llama.attention.head_count', { u32: config.heads }],
    ['llama.attention.head_count_kv', { u32: config.kvHeads }],
    ['llama.attention.key_length', { u32: config.headWidth }],
    ['llama.attention.value_length', { u32: config.headWidth }],
    ['llama.attention.layer_norm_rms_epsilon', { f32: config.rmsNormEps }],
    ['llama.vocab_size', { u32: config.vocabSize }],
    ...rope.fields,
  ]);
  const sources = [...tensors]
    .filter(({ name }) => !(config.tied && name === 'lm_head.weight') && !name.endsWith('rotary_emb.inv_freq'))
    .map((source) => {
      const name = ggufLlamaName(source.name);
      if (name === undefined) throw new TypeError(`${source.name}: a llama GGUF has no place for this tensor`);
      if (/\.attn_q\./.test(name)) return permutedSource(source, name, config.heads);
      if (/\.attn_k\./.test(name)) return permutedSource(source, name, config.kvHeads);
      return tensorSource(name, source.shape, source.storage, source.chunks);
    });
  const factors = rope.factors && f32Source('rope_freqs.weight', [rope.factors.length], rope.factors);
  return { architecture: 'llama', fields, tensors: factors ? [...sources, factors] : sources };
}
