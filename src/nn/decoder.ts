import { checkpoint } from '../ir/checkpoint.ts';
import { at, type Value } from '../ir/graph.ts';
import { attention } from '../ir/ops/attention.ts';
import { cachedAttention } from '../ir/ops/cachedAttention.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { dimAt } from '../ir/types.ts';
import type { DecoderSizes } from './configFields.ts';
import { linearLayer } from './layers.ts';
import type { LinearSpec, ModelInputs, ParameterSpec } from './model.ts';
import type { SiteOperands } from './sites.ts';

export interface AttendOptions {
  /** Factor of the scores; default 1/√width. */
  readonly scale?: number;
  /** Keys nearer than this to the query, its own counted; null sees all that came before. */
  readonly window?: number | null;
}

/** Causal attention of one block, over the cache where there is one: [B, T, H·width]. */
export type Attend = (name: string, operands: SiteOperands['attention'], options?: AttendOptions) => Value;

export interface Decoded {
  readonly x: Value;
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** x [B, T, count·width] as [B, T, count, width]. */
export function splitHeads(x: Value, count: number, width: number): Value {
  return reshape(x, [dimAt(x.type.shape, 0), dimAt(x.type.shape, 1), count, width]);
}

/** The blocks `path`.0, `path`.1, … of a causal decoder one after another, each through its site, with their caches. */
export function decodeBlocks(
  inputs: ModelInputs,
  path: string,
  layers: number,
  first: Value,
  block: (layer: number, name: string, x: Value, attend: Attend) => Value,
): Decoded {
  const { segments, sites, cache, recompute } = inputs;
  const keys: Value[] = [];
  const values: Value[] = [];
  const attendAt =
    (layer: number): Attend =>
    (name, operands, { window = null, ...scale } = {}) => {
      const options = { ...scale, ...(window === null ? {} : { window }) };
      const plain = ({ q, k, v }: SiteOperands['attention']): Value => {
        if (!cache) return attention(q, k, v, { causal: true, segments, ...options });
        const past = { keys: at(cache.keys, layer), values: at(cache.values, layer), lengths: cache.lengths };
        const made = cachedAttention(q, k, v, past, { fresh: cache.fresh, ...options });
        keys[layer] = made.keys;
        values[layer] = made.values;
        return made.out;
      };
      const out = sites.attention(operands, plain, name);
      const [batch, time, heads, width] = out.type.shape as [number, number, number, number];
      return reshape(out, [batch, time, heads * width]);
    };
  let x = first;
  for (let layer = 0; layer < layers; layer++) {
    const name = `${path}.${layer}`;
    const compute = (operand: Value): Value =>
      sites.block({ x: operand }, (given) => block(layer, name, given.x, attendAt(layer)), name);
    x = recompute ? checkpoint(compute)(x) : compute(x);
  }
  return { x, keys, values };
}

/** Which projections of a gated decoder have a bias. */
export interface DecoderBiases {
  /** q, k and v */
  readonly qkv: boolean;
  readonly output: boolean;
  readonly mlp: boolean;
}

/** down(act(gate x) · up x) through the site of the MLP. */
export function gatedMlp(
  inputs: ModelInputs,
  name: string,
  x: Value,
  gate: (gate: Value, up: Value) => Value,
  biased: boolean,
): Value {
  const project = (part: string, operand: Value): Value => linearLayer(inputs, `${name}.${part}`, operand, biased);
  return inputs.sites.mlp(
    { x },
    ({ x: g }) => project('down_proj', gate(project('gate_proj', g), project('up_proj', g))),
    name,
  );
}

/** The linear layers of decoders with q, k, v, o and a gated MLP, by the names that all of them share. */
export function gatedDecoderLinears(sizes: DecoderSizes, biases: DecoderBiases): LinearSpec[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headWidth } = sizes;
  const parts: readonly (readonly [name: string, inFeatures: number, outFeatures: number, bias: boolean])[] = [
    ['self_attn.q_proj', hiddenSize, heads * headWidth, biases.qkv],
    ['self_attn.k_proj', hiddenSize, kvHeads * headWidth, biases.qkv],
    ['self_attn.v_proj', hiddenSize, kvHeads * headWidth, biases.qkv],
    ['self_attn.o_proj', heads * headWidth, hiddenSize, biases.output],
    ['mlp.gate_proj', hiddenSize, intermediateSize, biases.mlp],
    ['mlp.up_proj', hiddenSize, intermediateSize, biases.mlp],
    ['mlp.down_proj', intermediateSize, hiddenSize, biases.mlp],
  ];
  return Array.from({ length: sizes.layers }, (_, layer) =>
    parts.map(([name, inFeatures, outFeatures, bias]) => ({
      name: `model.layers.${layer}.${name}`,
      inFeatures,
      outFeatures,
      bias,
    })),
  ).flat();
}

/** A norm of a block: its name inside the block and its width. */
export type NormSpec = readonly [name: string, width: number];

/** Parameters of a decoder with rotary positions: embedding, norms, linear layers, last norm and an untied head. */
export function gatedDecoderParameters(
  sizes: DecoderSizes,
  linears: readonly LinearSpec[],
  norms: readonly NormSpec[],
  normMean = 1,
): ParameterSpec[] {
  const drawn = { mean: 0, deviation: sizes.initializerRange };
  const norm = (name: string, width: number): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [width],
    decays: false,
    init: { mean: normMean, deviation: 0 },
  });
  const table = (name: string): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [sizes.vocabSize, sizes.hiddenSize],
    decays: true,
    init: drawn,
  });
  return [
    table('model.embed_tokens'),
    ...Array.from({ length: sizes.layers }, (_, layer) =>
      norms.map(([name, width]) => norm(`model.layers.${layer}.${name}`, width)),
    ).flat(),
    ...linears.flatMap((linear) => linearParameters(linear, sizes.initializerRange)),
    norm('model.norm', sizes.hiddenSize),
    ...(sizes.tied ? [] : [table('lm_head')]),
  ];
}

/** Weight and bias of a linear layer. */
export function linearParameters(spec: LinearSpec, deviation: number): ParameterSpec[] {
  const { name, inFeatures, outFeatures, bias, transposed = false } = spec;
  const shape = transposed ? [inFeatures, outFeatures] : [outFeatures, inFeatures];
  return [
    { name: `${name}.weight`, shape, decays: true, init: { mean: 0, deviation } },
    ...(bias ? [{ name: `${name}.bias`, shape: [outFeatures], decays: false, init: { mean: 0, deviation: 0 } }] : []),
  ];
}
