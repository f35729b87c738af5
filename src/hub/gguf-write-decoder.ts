import { sizeOf } from '../ir/types.ts';
import { fieldsOf } from '../nn/fields.ts';
import { bytesOf } from '../runtime/storage.ts';
import { f32Source, type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import type { GgufField } from './gguf-bytes.ts';
import { ggufDecoderName } from './gguf-decoder.ts';
import { type PlainDecoder, plainDecoder } from './plainDecoder.ts';

/** Rope settings as GGUF keeps them, and divisors of the inverse frequencies where it has no name for the scaling. */
function ropeOf(
  json: Readonly<Record<string, unknown>>,
  name: string,
  { headWidth, maxPositions, rope }: PlainDecoder,
): Rope {
  const fields = fieldsOf(json, 'config.json');
  const parameters = fields.object('rope_parameters') ?? fields.object('rope_scaling');
  const theta =
    parameters?.number('rope_theta', fields.number('rope_theta', 10000)) ?? fields.number('rope_theta', 10000);
  const type = parameters?.string('rope_type', parameters.string('type', 'default')) ?? 'default';
  const base: [string, GgufField][] = [
    [`${name}.rope.dimension_count`, { u32: 2 * rope.inverseFrequencies.length }],
    [`${name}.rope.freq_base`, { f32: theta }],
  ];
  if (2 * rope.inverseFrequencies.length !== headWidth)
    throw new TypeError(`config.json: partial_rotary_factor: a ${name} GGUF rotates whole heads`);
  if (parameters === undefined || type === 'default') return { fields: base };
  const factor = (): GgufField => ({ f32: parameters.number('factor') });
  if (type === 'linear') {
    return {
      fields: [...base, [`${name}.rope.scaling.type`, { text: 'linear' }], [`${name}.rope.scaling.factor`, factor()]],
    };
  }
  if (type === 'yarn') {
    const unusual = ['beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate', 'attention_factor'].find(
      (name) => parameters.optional(name) !== undefined,
    );
    if (unusual !== undefined)
      throw new TypeError(`config.json: ${unusual}: a ${name} GGUF has no place for this option of yarn`);
    const original = parameters.integer('original_max_position_embeddings', maxPositions);
    return {
      fields: [
        ...base,
        [`${name}.rope.scaling.type`, { text: 'yarn' }],
        [`${name}.rope.scaling.factor`, factor()],
        [`${name}.rope.scaling.original_context_length`, { u32: original }],
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

/** What llama.cpp calls an architecture, and how it wants it. */
interface Kind {
  readonly name: string;
  /** Rows of q and k stand in llama.cpp's own order, and rope may have divisors. */
  readonly permuted: boolean;
}

const kinds: Readonly<Record<string, Kind>> = {
  llama: { name: 'llama', permuted: true },
  mistral: { name: 'llama', permuted: true },
  qwen2: { name: 'qwen2', permuted: false },
  qwen3: { name: 'qwen3', permuted: false },
};

/** Architectures that can be written, by the hub's model_type. */
export const ggufDecoders: readonly string[] = Object.keys(kinds);

/** The window that llama.cpp does not know: within it, seeing all that came before is the same. */
function contextOf({ windows, maxPositions }: PlainDecoder, type: string): number {
  const window = windows.reduce((least: number, each) => Math.min(least, each ?? Infinity), Infinity);
  if (type !== 'mistral' && window !== Infinity)
    throw new TypeError(`config.json: use_sliding_window: a ${type} GGUF has no place for windows`);
  return Math.min(maxPositions, window);
}

/** A decoder as llama.cpp has it; undefined for an architecture that is none of `ggufDecoders`. TypeError, naming field or tensor, for what it has no place for. */
export function ggufOfDecoder(
  json: Readonly<Record<string, unknown>>,
  tensors: Iterable<TensorSource>,
): GgufParts | undefined {
  const type = String(json['model_type']);
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  const config = plainDecoder(json);
  if (!kind || !config) return undefined;
  const { name, permuted } = kind;
  if (config.activation !== 'silu')
    throw new TypeError(`config.json: hidden_act ${config.activation}: a ${name} GGUF computes silu`);
  if (type === 'qwen3' && config.biases.qkv)
    throw new TypeError('config.json: attention_bias: a qwen3 GGUF has no place for biases');
  const rope = ropeOf(json, name, config);
  if (rope.factors && !permuted)
    throw new TypeError(`config.json: rope_parameters: a ${name} GGUF has no place for this rope_type`);
  const fields = new Map<string, GgufField>([
    [`${name}.block_count`, { u32: config.layers }],
    [`${name}.context_length`, { u32: contextOf(config, type) }],
    [`${name}.embedding_length`, { u32: config.hiddenSize }],
    [`${name}.feed_forward_length`, { u32: config.intermediateSize }],
    [`${name}.attention.head_count`, { u32: config.heads }],
    [`${name}.attention.head_count_kv`, { u32: config.kvHeads }],
    [`${name}.attention.key_length`, { u32: config.headWidth }],
    [`${name}.attention.value_length`, { u32: config.headWidth }],
    [`${name}.attention.layer_norm_rms_epsilon`, { f32: config.rmsNormEps }],
    [`${name}.vocab_size`, { u32: config.vocabSize }],
    ...rope.fields,
  ]);
  const sources = [...tensors]
    .filter((each) => !(config.tied && each.name === 'lm_head.weight') && !each.name.endsWith('rotary_emb.inv_freq'))
    .map((source) => {
      const stored = ggufDecoderName(source.name, name);
      if (stored === undefined) throw new TypeError(`${source.name}: a ${name} GGUF has no place for this tensor`);
      if (permuted && /\.attn_q\./.test(stored)) return permutedSource(source, stored, config.heads);
      if (permuted && /\.attn_k\./.test(stored)) return permutedSource(source, stored, config.kvHeads);
      return tensorSource(stored, source.shape, source.storage, source.chunks);
    });
  const factors = rope.factors && f32Source('rope_freqs.weight', [rope.factors.length], rope.factors);
  return { architecture: name, fields, tensors: factors ? [...sources, factors] : sources };
}
