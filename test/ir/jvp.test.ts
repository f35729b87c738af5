import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { expand } from '../../src/ir/expand.ts';
import { gradients } from '../../src/ir/grad.ts';
import { at, input, topologicalOrder, type Value } from '../../src/ir/graph.ts';
import { hessianVectorProduct, jvp } from '../../src/ir/jvp.ts';
import { attention } from '../../src/ir/ops/attention.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { rmsNorm } from '../../src/ir/ops/rmsNorm.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { swiglu } from '../../src/ir/ops/swiglu.ts';
import type { Dense } from '../../src/ir/types.ts';
import { evaluateValues } from '../../src/runtime/evaluate.ts';

const leaf = (name: string, shape: readonly number[], seed: number): [Value, Dense] => [
  input(name, 'f32', shape),
  normal(shape, seed),
];

/** A small block of every composite that has a gradient of its own. */
function block(): { y: Value; x: [Value, Dense]; w: [Value, Dense] } {
  const x = leaf('x', [1, 3, 4], 1);
  const w = leaf('w', [4, 4], 2);
  const weight = leaf('g', [4], 3);
  const h = linear(rmsNorm(x[0], mul(sum(weight[0]), input('one', 'f32', [4])), 1e-5), w[0]);
  const q = reshape(h, [1, 3, 2, 2]);
  const y = swiglu(reshape(attention(q, q, q, { causal: true }), [1, 3, 4]), x[0]);
  return { y, x, w };
}

function env({ x, w }: ReturnType<typeof block>, y: Value): Map<Value, Dense> {
  const values = new Map([x, w]);
  for (const node of topologicalOrder([y])) {
    const [output] = node.outputs;
    if (output && node.op.name === 'leaf' && !values.has(output)) values.set(output, normal(output.type.shape, 7));
  }
  return values;
}

const shifted = (dense: Dense, along: Dense, by: number): Dense => ({
  ...dense,
  data: dense.data.map((value, i) => value + by * (along.data[i] ?? 0)),
});

test('expand leaves primitives only and keeps the values', () => {
  const made = block();
  const [flat] = expand([made.y]) as [Value];
  assert.ok(topologicalOrder([flat]).every((node) => node.op.decompose === undefined));
  const [before] = evaluateValues([made.y], env(made, made.y)) as [Dense];
  const [after] = evaluateValues([flat], env(made, flat)) as [Dense];
  before.data.forEach((value, i) => assert.ok(Math.abs(value - (after.data[i] ?? 0)) < 1e-12));
});

test('jvp equals a central difference along the tangent', () => {
  const made = block();
  const { x, w, y } = made;
  const tangents = [leaf('tx', [1, 3, 4], 11), leaf('tw', [4, 4], 12)] as const;
  const [product] = jvp(
    [y],
    [x[0], w[0]],
    tangents.map(([value]) => value),
  ) as [Value];
  const values = env(made, y);
  const [found] = evaluateValues([product], new Map([...values, ...tangents])) as [Dense];
  const at1 = (by: number): Dense => {
    const moved = new Map([
      ...values,
      [x[0], shifted(x[1], tangents[0][1], by)],
      [w[0], shifted(w[1], tangents[1][1], by)],
    ] as [Value, Dense][]);
    return at(evaluateValues([y], moved), 0);
  };
  const [up, down] = [at1(1e-5), at1(-1e-5)];
  found.data.forEach((value, i) =>
    assert.ok(Math.abs(value - ((up.data[i] ?? 0) - (down.data[i] ?? 0)) / 2e-5) < 1e-7),
  );
});

test('a Hessian-vector product equals a central difference of gradients', () => {
  const made = block();
  const { x, w, y } = made;
  const loss = sum(mul(y, y));
  const v = leaf('v', [4, 4], 13);
  const [product] = hessianVectorProduct(loss, [w[0]], [v[0]]) as [Value];
  const values = env(made, y);
  const [found] = evaluateValues([product], new Map([...values, v])) as [Dense];
  const [slope] = gradients(loss, [w[0]]) as [Value];
  const at1 = (by: number): Dense =>
    at(evaluateValues([slope], new Map([...values, x, [w[0], shifted(w[1], v[1], by)]] as [Value, Dense][])), 0);
  const [up, down] = [at1(1e-5), at1(-1e-5)];
  found.data.forEach((value, i) =>
    assert.ok(Math.abs(value - ((up.data[i] ?? 0) - (down.data[i] ?? 0)) / 2e-5) < 1e-6),
  );
});
