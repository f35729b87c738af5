import { describe } from '../ir/errors.ts';
import { type Fields, fieldsOf, maxLayers } from './fields.ts';

/** Fields that say something about the file, the training from scratch or the tokenizer, not about the computation. */
const neutral = [
  'architectures',
  'model_type',
  'dtype',
  'torch_dtype',
  'transformers_version',
  'use_cache',
  'bos_token_id',
  'eos_token_id',
  'pad_token_id',
  '_name_or_path',
  '_from_model_config',
] as const;

/** The fields of a config.json, the neutral ones read. Throws TypeError on a quantised checkpoint. */
export function configFields(json: Readonly<Record<string, unknown>>): Fields {
  const fields = fieldsOf(json, 'config.json');
  for (const name of neutral) fields.optional(name);
  if (fields.optional('quantization_config') !== undefined) {
    throw new TypeError(
      'config.json: quantization_config is not supported; give the unquantised checkpoint or a GGUF file',
    );
  }
  return fields;
}

/** Throws TypeError unless each field is absent or has the one value that is honoured. */
export function expectOnly(fields: Fields, type: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, expected] of Object.entries(values)) {
    const value = fields.optional(name) ?? expected;
    if (value !== expected) {
      throw new TypeError(
        `config.json: ${name} ${describe(value)} is not supported for ${type}, only ${JSON.stringify(expected)}`,
      );
    }
  }
}

/** Rates of dropout inside a model have no effect here: those that are not zero stay unread, and so are told. */
export function readDropout(fields: Fields, json: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  for (const name of names) if ((json[name] ?? 0) === 0) fields.optional(name);
}

/** Sizes of a causal decoder. */
export interface DecoderSizes {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly maxPositions: number;
  readonly tied: boolean;
  /** Standard deviation of weights that are drawn anew. */
  readonly initializerRange: number;
}

/** What is an architecture's own where a config leaves it out. */
export interface DecoderDefaults {
  readonly maxPositions: number;
  readonly tied: boolean;
  /** hidden_size / num_attention_heads unless given. */
  readonly headWidth?: number;
}

const maxHeadWidth = 65_536;

/** Sizes by the names that most architectures use. Throws RangeError on heads that do not divide. */
export function decoderSizes(fields: Fields, defaults: DecoderDefaults): DecoderSizes {
  const hiddenSize = fields.integer('hidden_size');
  const heads = fields.integer('num_attention_heads');
  const kvHeads = fields.integer('num_key_value_heads', heads);
  if (kvHeads === 0 || heads % kvHeads !== 0) {
    throw new RangeError(
      `Expected num_attention_heads to be a multiple of num_key_value_heads but found ${heads} and ${kvHeads}`,
    );
  }
  return {
    vocabSize: fields.integer('vocab_size'),
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size'),
    layers: fields.integer('num_hidden_layers', undefined, maxLayers),
    heads,
    kvHeads,
    headWidth: fields.integer('head_dim', defaults.headWidth ?? hiddenSize / heads, maxHeadWidth),
    maxPositions: fields.integer('max_position_embeddings', defaults.maxPositions),
    tied: fields.boolean('tie_word_embeddings', defaults.tied),
    initializerRange: fields.number('initializer_range', 0.02),
  };
}

/**
 * Window of each layer, null where it sees all that came before: by `layer_types`, else by `windowed`. Throws on a list of
 * another length or an unknown type.
 */
export function layerWindows(
  fields: Fields,
  layers: number,
  window: number | null,
  windowed: (layer: number) => boolean,
): (number | null)[] {
  const types =
    fields.optional('layer_types') ??
    Array.from({ length: layers }, (_, layer) => (windowed(layer) ? 'sliding_attention' : 'full_attention'));
  if (!Array.isArray(types) || types.length !== layers) {
    throw new TypeError(`Expected ${layers} layer types at config.json.layer_types but found ${describe(types)}`);
  }
  return types.map((type: unknown) => {
    if (type === 'full_attention') return null;
    if (type !== 'sliding_attention') {
      throw new TypeError(
        `Expected full_attention or sliding_attention at config.json.layer_types but found ${describe(type)}`,
      );
    }
    if (window === null) throw new TypeError('Expected sliding_window beside sliding_attention but found none');
    return window;
  });
}

/** Windows of Qwen's layers: `sliding_window` counts only with `use_sliding_window`, in layers from `max_window_layers` on. */
export function switchedWindows(fields: Fields, layers: number): (number | null)[] {
  const size = fields.integerOrNull('sliding_window', 4096);
  const from = fields.integer('max_window_layers', 28);
  const window = fields.boolean('use_sliding_window', false) ? size : null;
  return layerWindows(fields, layers, window, (layer) => window !== null && layer >= from);
}
