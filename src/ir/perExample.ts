import { gradients, type Params } from './grad.ts';
import { at, type Value } from './graph.ts';
import { add } from './ops/add.ts';
import { broadcastTo } from './ops/broadcastTo.ts';
import { mul } from './ops/mul.ts';
import { sum } from './ops/reduceSum.ts';
import { reshape } from './ops/reshape.ts';
import { sqrt } from './ops/sqrt.ts';
import { formatType, sameType, tensorType } from './types.ts';

/**
 * ∂ℓ_b/∂θ of each example b, [B, …] for each parameter […], in one backward pass. `losses` is given the parameters with a
 * batch axis in front, a copy for each example, as `linear` takes low-rank factors, and returns the losses [B]; example b
 * must read row b alone. Throws TypeError on losses of another type.
 */
export function perExampleGradients(
  losses: (params: Params) => Value,
  params: Params,
  batch: number,
): Record<string, Value> {
  const names = Object.keys(params);
  const copies = Object.values(params).map((value) => broadcastTo(value, [batch, ...value.type.shape]));
  const found = losses(Object.fromEntries(names.map((name, i) => [name, at(copies, i)])));
  if (!sameType(found.type, tensorType('f32', [batch])))
    throw new TypeError(`perExampleGradients: expected losses f32[${batch}] but found ${formatType(found.type)}`);
  const each = gradients(sum(found), copies);
  return Object.fromEntries(names.map((name, i) => [name, at(each, i)]));
}

/** ‖∂ℓ_b/∂θ‖₂ of each example over all parameters together, [B]; as `perExampleGradients`. */
export function perExampleGradientNorms(losses: (params: Params) => Value, params: Params, batch: number): Value {
  const squares = Object.values(perExampleGradients(losses, params, batch)).map((gradient) => {
    const rows = reshape(gradient, [batch, gradient.type.shape.slice(1).reduce((size, dim) => size * dim, 1)]);
    return sum(mul(rows, rows), [1]);
  });
  if (squares.length === 0) throw new RangeError('perExampleGradientNorms: expected parameters but found none');
  return sqrt(squares.reduce((total, square) => add(total, square)));
}
