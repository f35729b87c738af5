import { type Fields, fieldsOf, maxLayers } from '../nn/fields.ts';
import { type Gemma3Config, parseGemma3Config } from '../nn/models/gemma3_text.ts';
import type { GgufArchitecture, GgufWriting } from './gguf-architecture.ts';
import type { Gguf } from './gguf.ts';
import type { GgufField } from './gguf-bytes.ts';
import { shiftedNorm } from './gguf-layouts.ts';
import { decoderConfig, decoderFields, decoderKeys, decoderModules, decoderOuter } from './gguf-llama.ts';
import { ggufFields } from './gguf-metadata.ts';
import { readRope } from './gguf-rope.ts';

type Json = Readonly<Record<string, unknown>>;

const name = 'gemma3';
/** Where a file does not say otherwise, every sixth layer sees all, and the others turn by this base. */
const defaultPeriod = 6;
const defaultLocalTheta = 1e4;
const key = (part: string): string => `${name}.${part}`;

/** 1/√ of this multiplies the scores: llama.cpp knows the one size whose heads are not of that width by its number of layers. */
const scaleBase = (layers: number, hiddenSize: number, heads: number, headWidth: number): number =>
  layers === 62 ? Math.floor(hiddenSize / heads) : headWidth;

/** Layer types of a file: all but every `period`-th have the window. 0 gives all one, 1 none. */
function layerTypes(layers: number, window: number, period: number): string[] {
  const slides = (layer: number): boolean => window > 0 && (period === 0 || layer % period < period - 1);
  return Array.from({ length: layers }, (_, layer) => (slides(layer) ? 'sliding_attention' : 'full_attention'));
}

async function config(gguf: Gguf): Promise<Json> {
  const fields = ggufFields(gguf);
  const sizes = decoderConfig(gguf, name);
  const [layers, heads, width] = [
    fields.requiredInteger(key('block_count')),
    fields.requiredInteger(key('attention.head_count')),
    Number(sizes['head_dim']),
  ];
  if (layers > maxLayers)
    throw new RangeError(`${fields.file}: ${key('block_count')}: expected at most ${maxLayers} but found ${layers}`);
  const window = fields.integer(key('attention.sliding_window')) ?? 0;
  const full = readRope(gguf, name, width, undefined);
  if (full['rope_type'] === 'yarn')
    throw new TypeError(`${fields.file}: ${key('rope.scaling.type')}: expected none or linear but found yarn`);
  const theta = fields.number(key('rope.freq_base_swa')) ?? defaultLocalTheta;
  const cap = fields.number(key('final_logit_softcapping')) ?? 0;
  return {
    architectures: ['Gemma3ForCausalLM'],
    model_type: 'gemma3_text',
    ...sizes,
    attention_bias: false,
    hidden_activation: 'gelu_pytorch_tanh',
    layer_types: layerTypes(layers, window, fields.integer(key('attention.sliding_window_pattern')) ?? defaultPeriod),
    query_pre_attn_scalar: scaleBase(layers, fields.requiredInteger(key('embedding_length')), heads, width),
    rope_parameters: { full_attention: full, sliding_attention: { rope_theta: theta, rope_type: 'default' } },
    ...(window > 0 ? { sliding_window: window } : { sliding_window: null }),
    ...(cap === 0 ? {} : { final_logit_softcapping: cap }),
  };
}

/** Bases of the two rotary embeddings and the factor of the one that sees everything. TypeError on other scalings. */
function ropesOf(json: Json): { readonly theta: number; readonly local: number; readonly factor: number } {
  const fields = fieldsOf(json, 'config.json');
  const nested = fields.object('rope_parameters');
  const full = fields.object('rope_scaling') ?? nested?.object('full_attention');
  const sliding = nested?.object('sliding_attention');
  const typeOf = (parameters: Fields | undefined): string =>
    parameters?.string('rope_type', parameters.string('type', 'default')) ?? 'default';
  const [type, local] = [typeOf(full), typeOf(sliding)];
  if ((type !== 'default' && type !== 'linear') || local !== 'default') {
    throw new TypeError(
      `config.json: rope_parameters: a ${name} GGUF has no place for rope_type ${local === 'default' ? type : `${local} under sliding_attention`}`,
    );
  }
  const oldTheta = fields.number('rope_theta', 1e6);
  const oldLocal = fields.number('rope_local_base_freq', defaultLocalTheta);
  return {
    theta: full?.number('rope_theta', oldTheta) ?? oldTheta,
    local: sliding?.number('rope_theta', oldLocal) ?? oldLocal,
    factor: type === 'linear' ? (full?.number('factor') ?? 1) : 1,
  };
}

/** The window, and which layers have it as a GGUF can tell. TypeError on layers in another order. */
function windowFields({ windows }: Gemma3Config): [string, GgufField][] {
  const window = windows.find((each) => each !== null);
  if (window === undefined || window === null) return [];
  const types = windows.map((each) => (each === null ? 'full_attention' : 'sliding_attention'));
  const periods = [defaultPeriod, types.indexOf('full_attention') + 1];
  const period = periods.find((each) =>
    layerTypes(windows.length, window, each).every((type, layer) => type === types[layer]),
  );
  if (period === undefined)
    throw new TypeError(`config.json: layer_types: in a ${name} GGUF every n-th layer sees all, the others a window`);
  const pattern: [string, GgufField] = [key('attention.sliding_window_pattern'), { u32: period }];
  return [[key('attention.sliding_window'), { u32: window }], ...(period === defaultPeriod ? [] : [pattern])];
}

function write(json: Json): GgufWriting {
  const parsed = parseGemma3Config(json);
  if (parsed.activation !== 'gelu_pytorch_tanh' && parsed.activation !== 'gelu_new')
    throw new TypeError(
      `config.json: hidden_activation ${parsed.activation}: a ${name} GGUF computes gelu_pytorch_tanh`,
    );
  if (parsed.attentionBias) throw new TypeError(`config.json: attention_bias: a ${name} GGUF has no place for biases`);
  const { theta, local, factor } = ropesOf(json);
  const { layers, hiddenSize, heads, headWidth, logitsSoftCap } = parsed;
  const scale = parsed.scale * Math.sqrt(scaleBase(layers, hiddenSize, heads, headWidth));
  const optional = (present: boolean, part: string, field: GgufField): [string, GgufField][] =>
    present ? [[key(part), field]] : [];
  return {
    fields: [
      ...decoderFields(name, parsed, parsed.maxPositions),
      ...windowFields(parsed),
      [key('rope.dimension_count'), { u32: headWidth }],
      [key('rope.freq_base'), { f32: theta }],
      ...optional(local !== defaultLocalTheta, 'rope.freq_base_swa', { f32: local }),
      ...optional(factor !== 1, 'rope.scaling.type', { text: 'linear' }),
      ...optional(factor !== 1, 'rope.scaling.factor', { f32: factor }),
      ...optional(logitsSoftCap !== undefined, 'final_logit_softcapping', { f32: logitsSoftCap ?? 0 }),
    ],
    // A factor of the scores that llama.cpp does not use goes into the norm of the queries.
    layout: (stored) =>
      stored.endsWith('norm.weight') ? shiftedNorm(stored.endsWith('attn_q_norm.weight') ? scale : 1) : undefined,
  };
}

/** Gemma 3, text only; norms hold 1 + w. */
export const gemma3Gguf: GgufArchitecture = {
  name,
  modelTypes: ['gemma3_text'],
  blocks: 'model.layers',
  modules: {
    ...decoderModules,
    ffn_norm: 'pre_feedforward_layernorm',
    attn_q_norm: 'self_attn.q_norm',
    attn_k_norm: 'self_attn.k_norm',
    post_attention_norm: 'post_attention_layernorm',
    post_ffw_norm: 'post_feedforward_layernorm',
  },
  outer: decoderOuter,
  keys: [
    ...decoderKeys,
    'attention.sliding_window',
    'attention.sliding_window_pattern',
    'rope.freq_base_swa',
    'final_logit_softcapping',
  ],
  layout: () => (stored) => (stored.endsWith('norm.weight') ? shiftedNorm() : undefined),
  config,
  write,
};
