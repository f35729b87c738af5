import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { mul } from '../../ir/ops/mul.ts';
import { rotary, type RotaryFrequencies } from '../../ir/ops/rotary.ts';
import { type Activation, activationOf, gated } from '../activations.ts';
import { configFields, decoderSizes, type DecoderSizes, expectOnly, layerWindows } from '../configFields.ts';
import {
  type Attend,
  decode,
  type Decoder,
  gatedDecoderLinears,
  gatedDecoderParameters,
  gatedMlp,
  splitHeads,
} from '../decoder.ts';
import type { Fields } from '../fields.ts';
import { embeddingLayer, linearLayer, rmsNormLayer } from '../layers.ts';
import type { LanguageModel, ModelInputs, ModelOutputs } from '../model.ts';
import { ownNames } from '../ownNames.ts';
import { rotaryFrequencies } from '../rope.ts';

export interface Gemma3Config extends DecoderSizes {
  readonly rmsNormEps: number;
  readonly activation: Activation;
  readonly attentionBias: boolean;
  /** Factor of the attention scores. */
  readonly scale: number;
  readonly logitsSoftCap?: number;
  /** Of each layer; null sees all that came before. */
  readonly windows: readonly (number | null)[];
  /** Layers that see everything turn slower than those with a window. */
  readonly ropes: { readonly full: RotaryFrequencies; readonly sliding: RotaryFrequencies };
  readonly ignoredFields: readonly string[];
}

/** The two rotary embeddings: nested in `rope_parameters`, formerly `rope_theta`, `rope_scaling` and `rope_local_base_freq`. */
function ropesOf(fields: Fields, width: number, maxPositions: number): Gemma3Config['ropes'] {
  const nested = fields.object('rope_parameters');
  const oldScaling = fields.object('rope_scaling');
  const oldTheta = fields.number('rope_theta', 1e6);
  const oldLocal = fields.number('rope_local_base_freq', 1e4);
  const rope = (parameters: Fields | undefined, theta: number): RotaryFrequencies => {
    const base = parameters?.number('rope_theta', theta) ?? theta;
    return rotaryFrequencies(parameters, { base, width, maxPositions });
  };
  return {
    full: rope(oldScaling ?? nested?.object('full_attention'), oldTheta),
    sliding: rope(nested?.object('sliding_attention'), oldLocal),
  };
}

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseGemma3Config(json: Readonly<Record<string, unknown>>): Gemma3Config {
  const fields = configFields(json);
  expectOnly(fields, 'gemma3_text', { attention_dropout: 0, use_bidirectional_attention: false });
  const sizes = decoderSizes(fields, { maxPositions: 131072, tied: true, headWidth: 256 });
  const pattern = fields.integer('sliding_window_pattern', fields.integer('_sliding_window_pattern', 6));
  const window = fields.integerOrNull('sliding_window', 4096);
  const cap = fields.optional('final_logit_softcapping');
  return {
    ...sizes,
    rmsNormEps: fields.number('rms_norm_eps', 1e-6),
    activation: activationOf(fields.string('hidden_activation', 'gelu_pytorch_tanh')),
    attentionBias: fields.boolean('attention_bias', false),
    scale: fields.number('query_pre_attn_scalar', 256) ** -0.5,
    ...(cap === undefined ? {} : { logitsSoftCap: fields.number('final_logit_softcapping') }),
    windows: layerWindows(fields, sizes.layers, window, (layer) => (layer + 1) % pattern !== 0),
    ropes: ropesOf(fields, sizes.headWidth, sizes.maxPositions),
    // attn_logit_softcapping among them: transformers does not apply it either.
    ignoredFields: fields.unread(),
  };
}

/** x + norm(attention(norm x)), then x + norm(mlp(norm x)). */
function block(
  config: Gemma3Config,
  inputs: ModelInputs,
  layer: number,
  name: string,
  x: Value,
  attend: Attend,
): Value {
  const { heads, kvHeads, headWidth, attentionBias, scale } = config;
  const norm = (part: string, operand: Value): Value =>
    rmsNormLayer(inputs, `${name}.${part}`, operand, config.rmsNormEps, 1);
  const window = config.windows[layer] ?? null;
  const rope = window === null ? config.ropes.full : config.ropes.sliding;
  const h = norm('input_layernorm', x);
  const project = (part: string, count: number): Value =>
    splitHeads(linearLayer(inputs, `${name}.self_attn.${part}`, h, attentionBias), count, headWidth);
  const rotate = (operand: Value): Value => rotary(operand, inputs.positions, rope, inputs.positionLimit);
  const operands = {
    q: rotate(norm('self_attn.q_norm', project('q_proj', heads))),
    k: rotate(norm('self_attn.k_norm', project('k_proj', kvHeads))),
    v: project('v_proj', kvHeads),
  };
  const mixed = attend(`${name}.self_attn`, operands, { scale, window });
  const projected = linearLayer(inputs, `${name}.self_attn.o_proj`, mixed, attentionBias);
  const attended = add(x, norm('post_attention_layernorm', projected));
  const g = norm('pre_feedforward_layernorm', attended);
  const gate = (a: Value, b: Value): Value => gated(config.activation, a, b);
  return add(attended, norm('post_feedforward_layernorm', gatedMlp(inputs, `${name}.mlp`, g, gate, false)));
}

function hidden(config: Gemma3Config, inputs: ModelInputs): ModelOutputs {
  const embedded = embeddingLayer(inputs, 'model.embed_tokens', inputs.ids);
  const first = mul(embedded, Math.fround(Math.sqrt(config.hiddenSize)));
  const decoder: Decoder = {
    name: 'model',
    path: 'model.layers',
    layers: config.layers,
    block: (placed, layer, name, operand, attend) => block(config, placed, layer, name, operand, attend),
    norm: (x) => rmsNormLayer(inputs, 'model.norm', x, config.rmsNormEps, 1),
  };
  return decode(inputs, decoder, first);
}

/** Gemma 3, text only (Gemma Team 2025, §2; transformers' Gemma3ForCausalLM); norms multiply by 1 + w. */
export function gemma3Text(json: Readonly<Record<string, unknown>>): LanguageModel {
  const config = parseGemma3Config(json);
  const { attentionBias, hiddenSize, headWidth } = config;
  const linears = gatedDecoderLinears(config, { qkv: attentionBias, output: attentionBias, mlp: false });
  const norms = [
    ['input_layernorm', hiddenSize],
    ['self_attn.q_norm', headWidth],
    ['self_attn.k_norm', headWidth],
    ['post_attention_layernorm', hiddenSize],
    ['pre_feedforward_layernorm', hiddenSize],
    ['post_feedforward_layernorm', hiddenSize],
  ] as const;
  return {
    ...config,
    type: 'gemma3_text',
    head: config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight',
    headModule: 'lm_head',
    embeddings: [{ name: 'model.embed_tokens', count: config.vocabSize, width: config.hiddenSize }],
    parameters: gatedDecoderParameters(config, linears, norms, 0),
    linears,
    defaultTargets: ['q_proj', 'v_proj'],
    ownName: ownNames('model'),
    hidden: (inputs) => hidden(config, inputs),
  };
}
