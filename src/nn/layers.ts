import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { conv, type ConvOptions } from '../ir/ops/conv.ts';
import { embedding } from '../ir/ops/embedding.ts';
import { layerNorm } from '../ir/ops/layerNorm.ts';
import { linear } from '../ir/ops/linear.ts';
import { rmsNorm } from '../ir/ops/rmsNorm.ts';
import { transpose } from '../ir/ops/transpose.ts';
import type { Sites } from './sites.ts';

/** What a layer needs to be computed: its parameters and its site. */
export interface LayerContext {
  readonly param: (name: string) => Value;
  readonly sites: Sites;
}

/** y = x Wᵀ + b for x [B, T, in] with the parameters `name`.weight [out, in] and, where biased, `name`.bias [out]. */
export function linearLayer({ param, sites }: LayerContext, name: string, x: Value, biased: boolean): Value {
  const operands = { x, weight: param(`${name}.weight`), bias: biased ? param(`${name}.bias`) : null };
  return sites.linear(operands, (given) => linear(given.x, given.weight, given.bias, given.lowRank), name);
}

/** y = x W + b with W [in, out], as GPT-2's Conv1D stores it; its site sees Wᵀ. */
export function transposedLinearLayer({ param, sites }: LayerContext, name: string, x: Value): Value {
  const operands = { x, weight: transpose(param(`${name}.weight`), [1, 0]), bias: param(`${name}.bias`) };
  return sites.linear(operands, (given) => linear(given.x, given.weight, given.bias, given.lowRank), name);
}

/** Convolution of x [B, C, …] with `name`.weight [out, C/groups, …] and, where biased, `name`.bias [out]. */
export function convolutionLayer(
  { param, sites }: LayerContext,
  name: string,
  x: Value,
  { biased, ...options }: ConvOptions & { readonly biased: boolean },
): Value {
  const operands = { x, weight: param(`${name}.weight`), bias: biased ? param(`${name}.bias`) : null };
  return sites.convolution(operands, (given) => conv(given.x, given.weight, given.bias, options), name);
}

/** w x / rms(x), with `offset` (offset + w) x / rms(x). */
export function rmsNormLayer({ param, sites }: LayerContext, name: string, x: Value, eps: number, offset = 0): Value {
  const stored = param(`${name}.weight`);
  const operands = { x, weight: offset === 0 ? stored : add(stored, offset), bias: null };
  return sites.norm(operands, (given) => rmsNorm(given.x, given.weight, eps), name);
}

/** w (x - mean) / deviation + b. */
export function layerNormLayer({ param, sites }: LayerContext, name: string, x: Value, eps: number): Value {
  const operands = { x, weight: param(`${name}.weight`), bias: param(`${name}.bias`) };
  return sites.norm(operands, (given) => layerNorm(given.x, given.weight, given.bias, eps), name);
}

/** Rows of `name`.weight [V, D] by ids: […, D]. */
export function embeddingLayer({ param, sites }: LayerContext, name: string, ids: Value): Value {
  return sites.embedding({ table: param(`${name}.weight`), ids }, (given) => embedding(given.table, given.ids), name);
}
