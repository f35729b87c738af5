import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { type Activation, activate } from './activations.ts';
import { linearParameters, splitHeads } from './decoder.ts';
import { encodeBlocks, layerNormParameters } from './encoder.ts';
import { layerNormLayer, linearLayer } from './layers.ts';
import type { EmbeddingSpec, EncoderInputs, LinearSpec, ParameterSpec } from './model.ts';

export interface PostNormSizes {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: Activation;
  readonly layerNormEps: number;
  readonly initializerRange: number;
}

/** What a family of encoders calls the modules of a block, below the block's own path. */
export interface PostNormNames {
  /** Path of the blocks: they are `path`.0, `path`.1, … */
  readonly path: string;
  readonly attention: string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attended: string;
  readonly attentionNorm: string;
  /** The MLP's site; the block's own path where it has no module. */
  readonly mlp: string;
  readonly up: string;
  readonly down: string;
  readonly norm: string;
}

/** Blocks h = norm(x + attention(x)), y = norm(h + W₂ act(W₁ h)), one after another, all with biases: [B, T, D]. */
export function encodePostNorm(sizes: PostNormSizes, names: PostNormNames, inputs: EncoderInputs, first: Value): Value {
  const { heads, hiddenSize, layerNormEps, activation, layers } = sizes;
  return encodeBlocks(inputs, names.path, layers, first, (block, x, attend) => {
    const linear = (part: string, operand: Value): Value => linearLayer(inputs, `${block}.${part}`, operand, true);
    const project = (part: string): Value => splitHeads(linear(part, x), heads, hiddenSize / heads);
    const operands = { q: project(names.query), k: project(names.key), v: project(names.value) };
    const mixed = attend(`${block}.${names.attention}`, operands);
    const attended = add(linear(names.attended, mixed), x);
    const h = layerNormLayer(inputs, `${block}.${names.attentionNorm}`, attended, layerNormEps);
    const mlp = inputs.sites.mlp(
      { x: h },
      (given) => linear(names.down, activate(activation, linear(names.up, given.x))),
      names.mlp === '' ? block : `${block}.${names.mlp}`,
    );
    return layerNormLayer(inputs, `${block}.${names.norm}`, add(mlp, h), layerNormEps);
  });
}

const perBlock = <T>({ layers }: PostNormSizes, { path }: PostNormNames, of: (block: string) => readonly T[]): T[] =>
  Array.from({ length: layers }, (_, layer) => of(`${path}.${layer}`)).flat();

/** The linear layers of the blocks, in the order in which they are computed. */
export function postNormLinears(sizes: PostNormSizes, names: PostNormNames): LinearSpec[] {
  const { hiddenSize, intermediateSize } = sizes;
  const parts = [
    [names.query, hiddenSize, hiddenSize],
    [names.key, hiddenSize, hiddenSize],
    [names.value, hiddenSize, hiddenSize],
    [names.attended, hiddenSize, hiddenSize],
    [names.up, hiddenSize, intermediateSize],
    [names.down, intermediateSize, hiddenSize],
  ] as const;
  return perBlock(sizes, names, (block) =>
    parts.map(([part, inFeatures, outFeatures]) => ({ name: `${block}.${part}`, inFeatures, outFeatures, bias: true })),
  );
}

/** Parameters of embeddings, their norm, the norms of the blocks, and linear layers. */
export function postNormParameters(
  sizes: PostNormSizes,
  names: PostNormNames,
  modules: {
    readonly embeddings: readonly EmbeddingSpec[];
    readonly embeddingNorm: string;
    readonly linears: readonly LinearSpec[];
  },
): ParameterSpec[] {
  const { hiddenSize, initializerRange } = sizes;
  const norms = perBlock(sizes, names, (block) => [`${block}.${names.attentionNorm}`, `${block}.${names.norm}`]);
  return [
    ...modules.embeddings.map(({ name, count, width }) => ({
      name: `${name}.weight`,
      shape: [count, width],
      decays: true,
      init: { mean: 0, deviation: initializerRange },
    })),
    ...[modules.embeddingNorm, ...norms].flatMap((name) => layerNormParameters(name, hiddenSize)),
    ...modules.linears.flatMap((linear) => linearParameters(linear, initializerRange)),
  ];
}

/** BERT's names, which RoBERTa shares below another prefix. */
export const bertNames = (prefix: string): PostNormNames => ({
  path: `${prefix}.encoder.layer`,
  attention: 'attention.self',
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attended: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  mlp: '',
  up: 'intermediate.dense',
  down: 'output.dense',
  norm: 'output.LayerNorm',
});
