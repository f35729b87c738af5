import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { rotary, type RotaryFrequencies } from '../../ir/ops/rotary.ts';
import { type Activation, activationOf, gated } from '../activations.ts';
import { configFields, decoderSizes, type DecoderSizes, expectOnly, switchedWindows } from '../configFields.ts';
import {
  type Attend,
  decode,
  type Decoder,
  gatedDecoderLinears,
  gatedDecoderParameters,
  gatedMlp,
  splitHeads,
} from '../decoder.ts';
import { embeddingLayer, linearLayer, rmsNormLayer } from '../layers.ts';
import type { LanguageModel, ModelInputs, ModelOutputs } from '../model.ts';
import { ownNames } from '../ownNames.ts';
import { ropeFrequencies } from '../rope.ts';

export interface Qwen3Config extends DecoderSizes {
  readonly rmsNormEps: number;
  readonly activation: Activation;
  readonly attentionBias: boolean;
  /** Of each layer; null sees all that came before. */
  readonly windows: readonly (number | null)[];
  readonly rope: RotaryFrequencies;
  readonly ignoredFields: readonly string[];
}

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseQwen3Config(json: Readonly<Record<string, unknown>>): Qwen3Config {
  const fields = configFields(json);
  expectOnly(fields, 'qwen3', { attention_dropout: 0 });
  const sizes = decoderSizes(fields, { maxPositions: 32768, tied: false, headWidth: 128 });
  return {
    ...sizes,
    rmsNormEps: fields.number('rms_norm_eps', 1e-6),
    activation: activationOf(fields.string('hidden_act', 'silu')),
    attentionBias: fields.boolean('attention_bias', false),
    windows: switchedWindows(fields, sizes.layers),
    rope: ropeFrequencies(fields, sizes.headWidth, sizes.maxPositions),
    ignoredFields: fields.unread(),
  };
}

/** x + attention(norm x), then x + mlp(norm x). */
function block(config: Qwen3Config, inputs: ModelInputs, layer: number, name: string, x: Value, attend: Attend): Value {
  const { heads, kvHeads, headWidth, rmsNormEps, attentionBias } = config;
  const h = rmsNormLayer(inputs, `${name}.input_layernorm`, x, rmsNormEps);
  const project = (part: string, count: number): Value =>
    splitHeads(linearLayer(inputs, `${name}.self_attn.${part}`, h, attentionBias), count, headWidth);
  const turned = (part: string, norm: string, count: number): Value => {
    const normed = rmsNormLayer(inputs, `${name}.self_attn.${norm}`, project(part, count), rmsNormEps);
    return rotary(normed, inputs.positions, config.rope, inputs.positionLimit);
  };
  const operands = {
    q: turned('q_proj', 'q_norm', heads),
    k: turned('k_proj', 'k_norm', kvHeads),
    v: project('v_proj', kvHeads),
  };
  const mixed = attend(`${name}.self_attn`, operands, { window: config.windows[layer] ?? null });
  const attended = add(x, linearLayer(inputs, `${name}.self_attn.o_proj`, mixed, attentionBias));
  const g = rmsNormLayer(inputs, `${name}.post_attention_layernorm`, attended, rmsNormEps);
  const gate = (a: Value, b: Value): Value => gated(config.activation, a, b);
  return add(attended, gatedMlp(inputs, `${name}.mlp`, g, gate, false));
}

function hidden(config: Qwen3Config, inputs: ModelInputs): ModelOutputs {
  const first = embeddingLayer(inputs, 'model.embed_tokens', inputs.ids);
  const decoder: Decoder = {
    name: 'model',
    path: 'model.layers',
    layers: config.layers,
    block: (placed, layer, name, operand, attend) => block(config, placed, layer, name, operand, attend),
    norm: (x) => rmsNormLayer(inputs, 'model.norm', x, config.rmsNormEps),
  };
  return decode(inputs, decoder, first);
}

/** Qwen 3: queries and keys are normed in each head (Yang et al. 2025, §2; transformers' Qwen3ForCausalLM). */
export function qwen3(json: Readonly<Record<string, unknown>>): LanguageModel {
  const config = parseQwen3Config(json);
  const linears = gatedDecoderLinears(config, { qkv: config.attentionBias, output: config.attentionBias, mlp: false });
  const norms = [
    ['input_layernorm', config.hiddenSize],
    ['self_attn.q_norm', config.headWidth],
    ['self_attn.k_norm', config.headWidth],
    ['post_attention_layernorm', config.hiddenSize],
  ] as const;
  return {
    ...config,
    type: 'qwen3',
    head: config.tied ? 'model.embed_tokens.weight' : 'lm_head.weight',
    headModule: 'lm_head',
    embeddings: [{ name: 'model.embed_tokens', count: config.vocabSize, width: config.hiddenSize }],
    parameters: gatedDecoderParameters(config, linears, norms),
    linears,
    defaultTargets: ['q_proj', 'v_proj'],
    ownName: ownNames('model'),
    hidden: (inputs) => hidden(config, inputs),
  };
}
