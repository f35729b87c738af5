import { describe } from '../../ir/errors.ts';
import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { broadcastTo } from '../../ir/ops/broadcastTo.ts';
import { concat } from '../../ir/ops/concat.ts';
import { reshape } from '../../ir/ops/reshape.ts';
import { slice } from '../../ir/ops/slice.ts';
import { transpose } from '../../ir/ops/transpose.ts';
import { dimAt } from '../../ir/types.ts';
import { activate, type Activation, activationOf } from '../activations.ts';
import { configFields, readDropout } from '../configFields.ts';
import { linearParameters, splitHeads } from '../decoder.ts';
import { encodeBlocks, labelFields, layerNormParameters } from '../encoder.ts';
import { type Fields, maxLayers } from '../fields.ts';
import { convolutionLayer, layerNormLayer, linearLayer } from '../layers.ts';
import type {
  ImageClassifier,
  ImageEncoder,
  ImageInputs,
  ImageSize,
  Labels,
  LinearSpec,
  Model,
  ParameterSpec,
} from '../model.ts';
import { ownNames } from '../ownNames.ts';

type Sides = readonly [height: number, width: number];

interface ViTConfig extends Labels {
  readonly image: ImageSize;
  readonly patch: Sides;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly qkvBias: boolean;
  readonly activation: Activation;
  readonly layerNormEps: number;
  readonly initializerRange: number;
  readonly ignoredFields: readonly string[];
}

/** Images of more pixels a side than this are no field's mistake worth computing with. */
const maxSide = 16_384;

/** A side for both, or [height, width]. */
function sides(fields: Fields, name: string, fallback: number): Sides {
  const value = fields.optional(name) ?? fallback;
  const list: unknown[] = Array.isArray(value) ? value : [value, value];
  const [height, width] = list;
  const isSide = (side: unknown): side is number =>
    Number.isInteger(side) && Number(side) > 0 && Number(side) <= maxSide;
  if (list.length === 2 && isSide(height) && isSide(width)) return [height, width];
  throw new TypeError(`Expected pixels or [height, width] at config.json.${name} but found ${describe(value)}`);
}

/** Reads a config.json. Throws TypeError or RangeError naming a field whose value cannot be honoured. */
function parseConfig(json: Readonly<Record<string, unknown>>): ViTConfig {
  const fields = configFields(json);
  readDropout(fields, json, ['hidden_dropout_prob', 'attention_probs_dropout_prob']);
  // Of the pooler and the decoder of masked images, which are left out.
  for (const name of ['encoder_stride', 'pooler_act', 'pooler_output_size']) fields.optional(name);
  const hiddenSize = fields.integer('hidden_size', 768);
  const heads = fields.integer('num_attention_heads', 12);
  const [height, width] = sides(fields, 'image_size', 224);
  const patch = sides(fields, 'patch_size', 16);
  if (patch[0] > height || patch[1] > width)
    throw new RangeError(
      `Expected patches within the image at config.json.patch_size but found ${patch.join(' × ')} in ${height} × ${width}`,
    );
  return {
    image: { channels: fields.integer('num_channels', 3), height, width },
    patch,
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size', 3072),
    layers: fields.integer('num_hidden_layers', 12, maxLayers),
    heads,
    headWidth: fields.integer('head_dim', hiddenSize / heads),
    qkvBias: fields.boolean('qkv_bias', true),
    activation: activationOf(fields.string('hidden_act', 'gelu')),
    layerNormEps: fields.number('layer_norm_eps', 1e-12),
    initializerRange: fields.number('initializer_range', 0.02),
    ...labelFields(fields),
    ignoredFields: fields.unread(),
  };
}

const projection = 'vit.embeddings.patch_embeddings.projection';

const tokensOf = ({ image: { height, width }, patch }: ViTConfig): number =>
  1 + Math.floor(height / patch[0]) * Math.floor(width / patch[1]);

/** [B, tokens, D]: a token of the class, then the patches in rows, with their positions. */
function embedded(config: ViTConfig, inputs: ImageInputs): Value {
  const { patch, hiddenSize } = config;
  const tokens = tokensOf(config);
  const batch = dimAt(inputs.pixels.type.shape, 0);
  const patches = convolutionLayer(inputs, projection, inputs.pixels, { biased: true, stride: patch });
  const rows = transpose(reshape(patches, [batch, hiddenSize, tokens - 1]), [0, 2, 1]);
  const first = broadcastTo(inputs.param('vit.embeddings.cls_token'), [batch, 1, hiddenSize]);
  return add(concat([first, rows], 1), inputs.param('vit.embeddings.position_embeddings'));
}

function hidden(config: ViTConfig, inputs: ImageInputs): Value {
  const { layers, heads, headWidth, qkvBias, layerNormEps, activation } = config;
  const first = embedded(config, inputs);
  const last = encodeBlocks({ ...inputs, segments: null }, 'vit.layers', layers, first, (block, x, attend) => {
    const linear = (part: string, operand: Value, biased = true): Value =>
      linearLayer(inputs, `${block}.${part}`, operand, biased);
    const h = layerNormLayer(inputs, `${block}.layernorm_before`, x, layerNormEps);
    const project = (part: string): Value => splitHeads(linear(`attention.${part}`, h, qkvBias), heads, headWidth);
    const operands = { q: project('q_proj'), k: project('k_proj'), v: project('v_proj') };
    const mixed = attend(`${block}.attention`, operands);
    const attended = add(linear('attention.o_proj', mixed), x);
    const g = layerNormLayer(inputs, `${block}.layernorm_after`, attended, layerNormEps);
    const mlp = inputs.sites.mlp(
      { x: g },
      (given) => linear('mlp.fc2', activate(activation, linear('mlp.fc1', given.x))),
      `${block}.mlp`,
    );
    return add(mlp, attended);
  });
  return layerNormLayer(inputs, 'vit.layernorm', last, layerNormEps);
}

function linearsOf({ layers, hiddenSize, intermediateSize, heads, headWidth, qkvBias }: ViTConfig): LinearSpec[] {
  const parts: readonly (readonly [part: string, inFeatures: number, outFeatures: number, bias: boolean])[] = [
    ['attention.q_proj', hiddenSize, heads * headWidth, qkvBias],
    ['attention.k_proj', hiddenSize, heads * headWidth, qkvBias],
    ['attention.v_proj', hiddenSize, heads * headWidth, qkvBias],
    ['attention.o_proj', heads * headWidth, hiddenSize, true],
    ['mlp.fc1', hiddenSize, intermediateSize, true],
    ['mlp.fc2', intermediateSize, hiddenSize, true],
  ];
  return Array.from({ length: layers }, (_, layer) =>
    parts.map(([part, inFeatures, outFeatures, bias]) => ({
      name: `vit.layers.${layer}.${part}`,
      inFeatures,
      outFeatures,
      bias,
    })),
  ).flat();
}

function parametersOf(config: ViTConfig, linears: readonly LinearSpec[]): ParameterSpec[] {
  const { hiddenSize, image, patch, layers, initializerRange: deviation } = config;
  const drawn = (name: string, shape: readonly number[]): ParameterSpec => ({
    name,
    shape,
    decays: true,
    init: { mean: 0, deviation },
  });
  const zeros = { name: `${projection}.bias`, shape: [hiddenSize], decays: false, init: { mean: 0, deviation: 0 } };
  const norms = Array.from({ length: layers }, (_, layer) => [
    `vit.layers.${layer}.layernorm_before`,
    `vit.layers.${layer}.layernorm_after`,
  ]).flat();
  return [
    drawn('vit.embeddings.cls_token', [1, 1, hiddenSize]),
    drawn('vit.embeddings.position_embeddings', [1, tokensOf(config), hiddenSize]),
    drawn(`${projection}.weight`, [hiddenSize, image.channels, ...patch]),
    zeros,
    ...[...norms, 'vit.layernorm'].flatMap((name) => layerNormParameters(name, hiddenSize)),
    ...linears.flatMap((linear) => linearParameters(linear, deviation)),
  ];
}

/** Modules by transformers 5's names, which adapters go by, and by those of every checkpoint's files. */
const spellings: readonly (readonly [own: string, file: string])[] = [
  ['attention.q_proj', 'attention.attention.query'],
  ['attention.k_proj', 'attention.attention.key'],
  ['attention.v_proj', 'attention.attention.value'],
  ['attention.o_proj', 'attention.output.dense'],
  ['mlp.fc1', 'intermediate.dense'],
  ['mlp.fc2', 'output.dense'],
  ['layernorm_before', 'layernorm_before'],
  ['layernorm_after', 'layernorm_after'],
];

/** A name below a block, `from` one path and spelling `to` the other; as it is where it is none. */
function respelled(name: string, from: 'own' | 'file'): string {
  const [, layer, rest = ''] =
    (from === 'own' ? /^vit\.layers\.(\d+)\.(.+)$/ : /^vit\.encoder\.layer\.(\d+)\.(.+)$/).exec(name) ?? [];
  const path = from === 'own' ? 'vit.encoder.layer' : 'vit.layers';
  for (const [own, file] of spellings) {
    const [before, after] = from === 'own' ? [own, file] : [file, own];
    if (rest.startsWith(`${before}.`)) return `${path}.${layer}.${after}${rest.slice(before.length)}`;
  }
  return name;
}

const prefixed = ownNames('vit', /^(?:classifier|decoder)\./);

const ownName = (stored: string): string | null => {
  const name = prefixed(stored);
  return name === null ? null : respelled(name, 'file');
};

/** What encoder and classifier share; `headed` are linear layers behind the blocks. */
function modelOf(config: ViTConfig, headed: readonly LinearSpec[]): Model & Pick<ImageEncoder, 'image' | 'tokens'> {
  const { image, hiddenSize, ignoredFields } = config;
  const linears = linearsOf(config);
  return {
    type: 'vit',
    image,
    tokens: tokensOf(config),
    vocabSize: 256 ** image.channels,
    hiddenSize,
    maxPositions: image.height * image.width,
    parameters: parametersOf(config, [...linears, ...headed]),
    linears,
    embeddings: [],
    convolutions: [{ name: projection, outChannels: hiddenSize }],
    // PEFT has none.
    defaultTargets: [],
    ignoredFields,
    ownName,
    fileName: (own) => respelled(own, 'own'),
  };
}

/** Vision Transformer (Dosovitskiy et al. 2020; transformers' ViTModel without its pooler). */
export function vit(json: Readonly<Record<string, unknown>>): ImageEncoder {
  const config = parseConfig(json);
  return { ...modelOf(config, []), layers: config.layers, hidden: (inputs) => hidden(config, inputs) };
}

/** Vision Transformer with a linear classifier on its first token (transformers' ViTForImageClassification). */
export function vitClassifier(json: Readonly<Record<string, unknown>>): ImageClassifier {
  const config = parseConfig(json);
  const { hiddenSize, labels, problemType } = config;
  const head = { name: 'classifier', inFeatures: hiddenSize, outFeatures: labels.length, bias: true };
  return {
    ...modelOf(config, [head]),
    labels,
    problemType,
    headModules: ['classifier'],
    logits: (inputs) => {
      const states = hidden(config, inputs);
      const batch = dimAt(states.type.shape, 0);
      const first = reshape(slice(states, 1, 0, 1), [batch, hiddenSize]);
      return linearLayer(inputs, head.name, first, true);
    },
  };
}
