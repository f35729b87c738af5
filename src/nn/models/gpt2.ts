import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { slice } from '../../ir/ops/slice.ts';
import { type Activation, activate, activationOf } from '../activations.ts';
import { configFields, expectOnly, readDropout } from '../configFields.ts';
import { type Attend, decode, type Decoder, linearParameters, splitHeads } from '../decoder.ts';
import { maxLayers } from '../fields.ts';
import { embeddingLayer, layerNormLayer, transposedLinearLayer } from '../layers.ts';
import type { LanguageModel, LinearSpec, ModelInputs, ModelOutputs, ParameterSpec } from '../model.ts';
import { ownNames } from '../ownNames.ts';

export interface Gpt2Config {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly innerSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly maxPositions: number;
  readonly tied: boolean;
  readonly initializerRange: number;
  readonly layerNormEps: number;
  readonly activation: Activation;
  /** Factor of the attention scores, of each layer. */
  readonly scales: readonly number[];
  readonly ignoredFields: readonly string[];
}

/** Fields of transformers' class that touch other heads than the language model's. */
const otherHeads = ['summary_type', 'summary_use_proj', 'summary_activation', 'summary_proj_to_labels'];

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured, RangeError on heads that do not divide. */
export function parseGpt2Config(json: Readonly<Record<string, unknown>>): Gpt2Config {
  const fields = configFields(json);
  expectOnly(fields, 'gpt2', { add_cross_attention: false });
  // The order of products is all that reorder_and_upcast_attn changes; n_ctx repeats n_positions in old files.
  for (const name of [
    ...otherHeads,
    'summary_first_dropout',
    'reorder_and_upcast_attn',
    'n_ctx',
    'task_specific_params',
  ])
    fields.optional(name);
  readDropout(fields, json, ['attn_pdrop', 'embd_pdrop', 'resid_pdrop']);
  const hiddenSize = fields.integer('n_embd', 768);
  const heads = fields.integer('n_head', 12);
  if (heads === 0 || hiddenSize % heads !== 0)
    throw new RangeError(`Expected n_embd to be a multiple of n_head but found ${hiddenSize} and ${heads}`);
  const layers = fields.integer('n_layer', 12, maxLayers);
  const headWidth = hiddenSize / heads;
  const scale = fields.boolean('scale_attn_weights', true) ? headWidth ** -0.5 : 1;
  const byLayer = fields.boolean('scale_attn_by_inverse_layer_idx', false);
  return {
    vocabSize: fields.integer('vocab_size', 50257),
    hiddenSize,
    innerSize: fields.integer('n_inner', 4 * hiddenSize),
    layers,
    heads,
    headWidth,
    maxPositions: fields.integer('n_positions', 1024),
    tied: fields.boolean('tie_word_embeddings', true),
    initializerRange: fields.number('initializer_range', 0.02),
    layerNormEps: fields.number('layer_norm_epsilon', 1e-5),
    activation: activationOf(fields.string('activation_function', 'gelu_new')),
    scales: Array.from({ length: layers }, (_, layer) => (byLayer ? scale / (layer + 1) : scale)),
    ignoredFields: fields.unread(),
  };
}

/** x + attention(norm x), then x + mlp(norm x); one layer makes queries, keys and values. */
function block(config: Gpt2Config, inputs: ModelInputs, layer: number, name: string, x: Value, attend: Attend): Value {
  const { hiddenSize, heads, headWidth, layerNormEps, activation } = config;
  const project = (part: string, operand: Value): Value => transposedLinearLayer(inputs, `${name}.${part}`, operand);
  const fused = project('attn.c_attn', layerNormLayer(inputs, `${name}.ln_1`, x, layerNormEps));
  const part = (index: number): Value =>
    splitHeads(slice(fused, 2, index * hiddenSize, (index + 1) * hiddenSize), heads, headWidth);
  const scale = config.scales[layer] ?? 1;
  const mixed = attend(`${name}.attn`, { q: part(0), k: part(1), v: part(2) }, { scale });
  const attended = add(x, project('attn.c_proj', mixed));
  const g = layerNormLayer(inputs, `${name}.ln_2`, attended, layerNormEps);
  const mlp = inputs.sites.mlp(
    { x: g },
    (given) => project('mlp.c_proj', activate(activation, project('mlp.c_fc', given.x))),
    `${name}.mlp`,
  );
  return add(attended, mlp);
}

function hidden(config: Gpt2Config, inputs: ModelInputs): ModelOutputs {
  const first = add(
    embeddingLayer(inputs, 'transformer.wte', inputs.ids),
    embeddingLayer(inputs, 'transformer.wpe', inputs.positions),
  );
  const decoder: Decoder = {
    name: 'transformer',
    path: 'transformer.h',
    layers: config.layers,
    block: (placed, layer, name, operand, attend) => block(config, placed, layer, name, operand, attend),
    norm: (x) => layerNormLayer(inputs, 'transformer.ln_f', x, config.layerNormEps),
  };
  return decode(inputs, decoder, first);
}

function linearsOf({ layers, hiddenSize, innerSize }: Gpt2Config): LinearSpec[] {
  const parts = [
    ['attn.c_attn', hiddenSize, 3 * hiddenSize],
    ['attn.c_proj', hiddenSize, hiddenSize],
    ['mlp.c_fc', hiddenSize, innerSize],
    ['mlp.c_proj', innerSize, hiddenSize],
  ] as const;
  return Array.from({ length: layers }, (_, layer) =>
    parts.map(([name, inFeatures, outFeatures]) => ({
      name: `transformer.h.${layer}.${name}`,
      inFeatures,
      outFeatures,
      bias: true,
      transposed: true,
    })),
  ).flat();
}

function parametersOf(config: Gpt2Config, linears: readonly LinearSpec[]): ParameterSpec[] {
  const { vocabSize, hiddenSize, maxPositions, layers, initializerRange } = config;
  const table = (name: string, rows: number): ParameterSpec => ({
    name,
    shape: [rows, hiddenSize],
    decays: true,
    init: { mean: 0, deviation: initializerRange },
  });
  const norm = (name: string): ParameterSpec[] => [
    { name: `${name}.weight`, shape: [hiddenSize], decays: false, init: { mean: 1, deviation: 0 } },
    { name: `${name}.bias`, shape: [hiddenSize], decays: false, init: { mean: 0, deviation: 0 } },
  ];
  return [
    table('transformer.wte.weight', vocabSize),
    table('transformer.wpe.weight', maxPositions),
    ...Array.from({ length: layers }, (_, layer) =>
      ['ln_1', 'ln_2'].flatMap((name) => norm(`transformer.h.${layer}.${name}`)),
    ).flat(),
    ...linears.flatMap((linear) => linearParameters(linear, initializerRange)),
    ...norm('transformer.ln_f'),
    ...(config.tied ? [] : [table('lm_head.weight', vocabSize)]),
  ];
}

/** GPT-2 (Radford et al. 2019; transformers' GPT2LMHeadModel): learned positions, weights stored as [in, out]. */
export function gpt2(json: Readonly<Record<string, unknown>>): LanguageModel {
  const config = parseGpt2Config(json);
  const linears = linearsOf(config);
  return {
    ...config,
    type: 'gpt2',
    kvHeads: config.heads,
    head: config.tied ? 'transformer.wte.weight' : 'lm_head.weight',
    headModule: 'lm_head',
    embeddings: [
      { name: 'transformer.wte', count: config.vocabSize, width: config.hiddenSize },
      { name: 'transformer.wpe', count: config.maxPositions, width: config.hiddenSize },
    ],
    parameters: parametersOf(config, linears),
    linears,
    defaultTargets: ['c_attn'],
    ownName: ownNames('transformer'),
    hidden: (inputs) => hidden(config, inputs),
  };
}
