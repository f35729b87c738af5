import type { Value } from '../ir/graph.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { dimAt } from '../ir/types.ts';
import { attend, type AttendOptions } from './attend.ts';
import type { DecoderSizes } from './configFields.ts';
import { makeEmissions, recomputed } from './emissions.ts';
import { linearLayer } from './layers.ts';
import type { LinearSpec, ModelInputs, ModelOutputs, ParameterSpec } from './model.ts';
import type { PositionBias } from './positionBias.ts';
import type { SiteOperands } from './sites.ts';

export interface AttentionChoices {
  /** Factor of the scores; default 1/√width. */
  readonly scale?: number;
  /** Keys nearer than this to the query, its own counted; null sees all that came before. */
  readonly window?: number | null;
  /** Added to the scores by the places of query and key. */
  readonly bias?: PositionBias;
}

/** Causal attention of one block, over the cache where there is one: [B, T, H·width]. */
export type Attend = (
  name: string,
  operands: Omit<SiteOperands['attention'], 'prefix'>,
  options?: AttentionChoices,
) => Value;

/** A causal decoder between embedded tokens and the output head. */
export interface Decoder {
  /** Module of the model without its head. */
  readonly name: string;
  /** Path of the blocks: they are `path`.0, `path`.1, … */
  readonly path: string;
  readonly layers: number;
  /** One block with its residual connections; positions are those of the inputs that it is given. */
  readonly block: (inputs: ModelInputs, layer: number, name: string, x: Value, attend: Attend) => Value;
  /** The norm after the last block. */
  readonly norm: (x: Value) => Value;
}

/** x [B, T, count·width] as [B, T, count, width]. */
export function splitHeads(x: Value, count: number, width: number): Value {
  return reshape(x, [dimAt(x.type.shape, 0), dimAt(x.type.shape, 1), count, width]);
}

/** Final hidden states of embedded tokens [B, T, D], with the caches; the whole, each block and each attention through its site. */
export function decode(inputs: ModelInputs, decoder: Decoder, first: Value): ModelOutputs {
  const { sites, cache, recompute, positions, segments, positionLimit } = inputs;
  const emissions = inputs.emissions ?? makeEmissions();
  const keys: Value[] = [];
  const values: Value[] = [];
  const remember: AttendOptions['remember'] = (layer, caches) => {
    keys[layer] = caches.keys;
    values[layer] = caches.values;
  };
  const trunk = ({ x: embedded, ...given }: SiteOperands['input']): Value => {
    const placed: ModelInputs = { ...inputs, ...given };
    const attendAt =
      (layer: number): Attend =>
      (name, operands, { window = null, ...scale } = {}) => {
        const options = {
          segments: given.segments,
          cache,
          layer,
          remember,
          ...scale,
          ...(window === null ? {} : { window }),
        };
        const out = sites.attention({ ...operands, prefix: null }, (changed) => attend(changed, options), name);
        const [batch, time, heads, width] = out.type.shape as [number, number, number, number];
        return reshape(out, [batch, time, heads * width]);
      };
    let x = embedded;
    for (let layer = 0; layer < decoder.layers; layer++) {
      const name = `${decoder.path}.${layer}`;
      const compute = (operand: Value): Value =>
        sites.block({ x: operand }, (block) => decoder.block(placed, layer, name, block.x, attendAt(layer)), name);
      x = recompute ? recomputed(compute, x, emissions) : compute(x);
    }
    return decoder.norm(x);
  };
  const filled = cache !== undefined && !cache.fresh;
  const operands = { x: first, positions, segments, positionLimit, filled };
  return { hidden: sites.input(operands, trunk, decoder.name), keys, values };
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
