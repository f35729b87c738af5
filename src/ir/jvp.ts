import { expand } from './expand.ts';
import { gradients, vjp } from './grad.ts';
import { at, input, type Value } from './graph.ts';
import { mul } from './ops/mul.ts';
import { sum } from './ops/reduceSum.ts';
import { add } from './ops/add.ts';
import { substitute } from './substitute.ts';
import { filled } from './ops/constant.ts';

/**
 * Forward mode: J t for each output, as new values. With g(u) = Jᵀu linear in u, J t is the gradient of ⟨g(u), t⟩ by u, so
 * reverse mode twice gives it. Composites are expanded first.
 */
export function jvp(outputs: readonly Value[], wrt: readonly Value[], tangents: readonly Value[]): Value[] {
  const expanded = expand([...outputs, ...wrt]);
  const ys = expanded.slice(0, outputs.length);
  const xs = expanded.slice(outputs.length);
  const us = ys.map((y, i) => input(`jvp seed ${i}`, 'f32', y.type.shape));
  const pulled = vjp(
    ys.map((y, i) => [y, at(us, i)]),
    xs,
  );
  const pushed = vjp(
    pulled.map((g, i) => [g, at(tangents, i)]),
    us,
  );
  // J t does not depend on u; zeros take its place so that no leaf is left over.
  return substitute(pushed, new Map(us.map((u): [Value, Value] => [u, filled('f32', u.type.shape, 0)])));
}

/** Hessian times vector: ∂⟨∇L, v⟩/∂x for each x of `wrt`, L a scalar. Composites are expanded first. */
export function hessianVectorProduct(loss: Value, wrt: readonly Value[], vectors: readonly Value[]): Value[] {
  const [scalarLoss, ...xs] = expand([loss, ...wrt]);
  const slopes = gradients(scalarLoss ?? loss, xs);
  const products = slopes.map((slope, i) => sum(mul(slope, at(vectors, i))));
  return gradients(
    products.reduce((total, product) => add(total, product)),
    xs,
  );
}
