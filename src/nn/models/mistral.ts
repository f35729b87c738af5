import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { rotary, type RotaryFrequencies } from '../../ir/ops/rotary.ts';
import { type Activation, activationOf, gated } from '../activations.ts';
import { configFields, decoderSizes, type DecoderSizes, expectOnly } from '../configFields.ts';
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

export interface MistralConfig extends DecoderSizes {
  readonly rmsNormEps: number;
  readonly activation: Activation;
  readonly window: number | null;
  readonly rope: RotaryFrequencies;
  readonly ignoredFields: readonly string[];
}

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseMistralConfig(json: Readonly<Record<string, unknown>>): MistralConfig {
  const fields = configFields(json);
  expectOnly(fields, 'mistral', { attention_dropout: 0 });
  const sizes = decoderSizes(fields, { maxPositions: 131072, tied: false });
  return {
    ...sizes,
    rmsNormEps: fields.number('rms_norm_eps', 1e-6),
    activation: activationOf(fields.string('hidden_act', 'silu')),
    window: fields.integerOrNull('sliding_window', 4096),
    rope: ropeFrequencies(fields, sizes.headWidth, sizes.maxPositions),
    ignoredFields: fields.unread(),
  };
}

/** x + attention(norm x), then x + mlp(norm x). */
function block(config: MistralConfig, inputs: ModelInputs, name: string, x: Value, attend: Attend): Value {
  const { heads, kvHeads, headWidth, rmsNormEps, window } = config;
  const h = rmsNormLayer(inputs, `${name}.input_layernorm`, x, rmsNormEps);
  const project = (part: string, count: number): Value =>
    splitHeads(linearLayer(inputs, `${name}.self_attn.${part}`, h, false), count, headWidth);
  const rotate = (operand: Value): Value => rotary(operand, inputs.positions, config.rope, inputs.positionLimit);
  const operands = {
    q: rotate(project('q_proj', heads)),
    k: rotate(project('k_proj', kvHeads)),
    v: project('v_proj', kvHeads),
  };
  const mixed = attend(`${name}.self_attn`, operands, { window });
  const attended = add(x, linearLayer(inputs, `${name}.self_attn.o_proj`, mixed, false));
  const g = rmsNormLayer(inputs, `${name}.post_attention_layernorm`, attended, rmsNormEps);
  const gate = (a: Value, b: Value): Value => gated(config.activation, a, b);
  return add(attended, gatedMlp(inputs, `${name}.mlp`, g, gate, false));
}

function hidden(config: MistralConfig, inputs: ModelInputs): ModelOutputs {
  const first = embeddingLayer(inputs, 'model.embed_tokens', inputs.ids);
  const decoder: Decoder = {
    name: 'model',
    path: 'model.layers',
    layers: config.layers,
    block: (placed, _layer, name, operand, attend) => block(config, placed, name, operand, attend),
    norm: (x) => rmsNormLayer(inputs, 'model.norm', x, config.rmsNormEps),
  };
  return decode(inputs, decoder, first);
}

/** Mistral: a Llama whose layers see a window of keys (Jiang et al. 2023, §2; transformers' MistralForCausalLM). */
export function mistral(json: Readonly<Record<string, unknown>>): LanguageModel {
  const config = parseMistralConfig(json);
  const linears = gatedDecoderLinears(config, { qkv: false, output: false, mlp: false });
  const norms = ['input_layernorm', 'post_attention_layernorm'].map((name) => [name, config.hiddenSize] as const);
  return {
    ...config,
    type: 'mistral',
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
