import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bool, f32, i32 } from '../../src/ir/dense.ts';
import { vjp } from '../../src/ir/grad.ts';
import { input, type Value } from '../../src/ir/graph.ts';
import { all } from '../../src/ir/ops/all.ts';
import { any } from '../../src/ir/ops/any.ts';
import { attention } from '../../src/ir/ops/attention.ts';
import { clip } from '../../src/ir/ops/clip.ts';
import { conv } from '../../src/ir/ops/conv.ts';
import { gather } from '../../src/ir/ops/gather.ts';
import { layerNorm } from '../../src/ir/ops/layerNorm.ts';
import { maxPool } from '../../src/ir/ops/maxPool.ts';
import { pad } from '../../src/ir/ops/pad.ts';
import { resize } from '../../src/ir/ops/resize.ts';
import { topK } from '../../src/ir/ops/topK.ts';
import { variance } from '../../src/ir/ops/variance.ts';
import { argmin } from '../../src/ir/ops/argmin.ts';
import { notEqual } from '../../src/ir/ops/notEqual.ts';
import { oneHot } from '../../src/ir/ops/oneHot.ts';
import { roll } from '../../src/ir/ops/roll.ts';
import { sort } from '../../src/ir/ops/sort.ts';
import { split } from '../../src/ir/ops/split.ts';
import { stack } from '../../src/ir/ops/stack.ts';
import { takeAlong } from '../../src/ir/ops/takeAlong.ts';
import { tril } from '../../src/ir/ops/tril.ts';
import { triu } from '../../src/ir/ops/triu.ts';
import type { Dense } from '../../src/ir/types.ts';
import { evaluateValues } from '../../src/runtime/evaluate.ts';

/** What functions of leaves give on the reference. */
function run(operands: readonly Dense[], build: (...xs: Value[]) => readonly Value[]): number[][] {
  const leaves = operands.map(({ dtype, shape }, i) => input(`x${i}`, dtype, shape));
  const env = new Map(leaves.map((leaf, i): [Value, Dense] => [leaf, operands[i] as Dense]));
  return evaluateValues(build(...leaves), env).map(({ data }) => Array.from(data));
}

const square = f32([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);

test('any and all reduce bools along axes and refuse other dtypes', () => {
  const x = bool([2, 2], [0, 1, 1, 1]);
  const found = run([x], (x) => [any(x, [1]), all(x, [1]), any(x), all(x, [0], true)]);
  assert.deepEqual(found, [[1, 1], [0, 1], [1], [0, 1]]);
  assert.throws(() => any(input('x', 'f32', [2])), /any: expected bool but found f32/);
});

test('argmin names the first of ties', () => {
  assert.deepEqual(
    run([f32([2, 3], [2, 1, 1, -Infinity, 0, 5])], (x) => [argmin(x)]),
    [[1, 0]],
  );
});

test('oneHot is zero outside its depth', () => {
  assert.deepEqual(
    run([i32([3], [1, -1, 2])], (x) => [oneHot(x, 2)]),
    [[0, 1, 0, 0, 0, 0]],
  );
});

test('notEqual holds for NaN', () => {
  const x = f32([3], [1, Number.NaN, 2]);
  assert.deepEqual(
    run([x, f32([3], [1, Number.NaN, 3])], (a, b) => [notEqual(a, b)]),
    [[0, 1, 1]],
  );
});

test('roll moves what leaves at one end to the other', () => {
  const found = run([f32([4], [1, 2, 3, 4])], (x) => [1, -1, 5, 4].map((shift) => roll(x, shift, 0)));
  assert.deepEqual(found, [
    [4, 1, 2, 3],
    [2, 3, 4, 1],
    [4, 1, 2, 3],
    [1, 2, 3, 4],
  ]);
});

test('stack makes a new axis anywhere', () => {
  const [first, last] = run([f32([2], [1, 2]), f32([2], [3, 4])], (a, b) => [stack([a, b]), stack([a, b], -1)]);
  assert.deepEqual(
    [first, last],
    [
      [1, 2, 3, 4],
      [1, 3, 2, 4],
    ],
  );
  assert.throws(() => stack([input('x', 'f32', [2])], 2), /stack: expected an axis in \[-2, 1\] but found 2/);
});

test('tril and triu keep their side of a diagonal', () => {
  const found = run([square], (x) => [tril(x), tril(x, -1), triu(x), triu(x, 1)]);
  assert.deepEqual(found, [
    [1, 0, 0, 4, 5, 0, 7, 8, 9],
    [0, 0, 0, 4, 0, 0, 7, 8, 0],
    [1, 2, 3, 0, 5, 6, 0, 0, 9],
    [0, 2, 3, 0, 0, 6, 0, 0, 0],
  ]);
});

test('sort keeps ties in their order, and its gradient goes back where each element was', () => {
  const x = f32([4], [3, 1, 3, 2]);
  const found = run([x, f32([4], [10, 20, 30, 40])], (x, dy) => {
    const { values, indices } = sort(x);
    return [values, indices, ...vjp([[values, dy]], [x])];
  });
  assert.deepEqual(found, [
    [1, 2, 3, 3],
    [1, 3, 0, 2],
    [30, 10, 40, 20],
  ]);
});

test('split gives zeros as the gradient of the parts that are not used', () => {
  const found = run([f32([4], [1, 2, 3, 4]), f32([2], [5, 6])], (x, dy) => {
    const [, second] = split(x, 0, 2);
    return vjp([[second as Value, dy]], [x]);
  });
  assert.deepEqual(found, [[0, 0, 5, 6]]);
  assert.throws(() => split(input('x', 'f32', [5]), 0, 2), /an axis that 2 divides but found 5/);
});

test('takeAlong of an index of one axis less takes one element of each row', () => {
  assert.deepEqual(
    run([square, i32([3], [2, 0, 1])], (x, i) => [takeAlong(x, i), takeAlong(x, i, 0)]),
    [
      [3, 4, 8],
      [7, 2, 6],
    ],
  );
});

test('ops say what they expected and what they found', () => {
  const [x, ids, image] = [input('x', 'f32', [2, 4]), input('ids', 'i32', [2]), input('image', 'f32', [1, 4, 5, 5])];
  const q = input('q', 'f32', [1, 2, 2, 4]);
  const weight = input('weight', 'f32', [6, 3, 3, 3]);
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => topK(x, 5), /topK: Expected k in \[1, 4\] but found 5/],
    [() => clip(x, 2, 1), /clip: Expected low <= high but found 2 and 1/],
    [() => gather(x, x, 0), /gather: Expected i32 ids but found f32/],
    [
      () => takeAlong(x, input('i', 'i32', [3, 1])),
      /takeAlong: Expected i32 indices of shape \[2, 4\] but for axis 1, found i32\[3, 1\]/,
    ],
    [() => pad(x, [[0, 1]]), /pad: Expected 2 pairs of whole numbers >= 0 but found \[\[0,1\]\]/],
    [() => variance(x, [1], { correction: 4 }), /variance: Expected more than 4 elements to each variance but found 4/],
    [() => layerNorm(ids, null, null), /layerNorm: Expected f32 as input 0 but found i32\[2\]/],
    [
      () => conv(image, weight),
      /conv: Expected x \[N, C, …\] and weight \[O, C\/1, …\] but found \[1, 4, 5, 5\] and \[6, 3, 3, 3\]/,
    ],
    [
      () => conv(image, input('w', 'f32', [6, 4, 9, 3])),
      /conv: Expected a window that fits but found kernel \[9, 3\] over \[5, 5\]/,
    ],
    [() => maxPool(image, { kernel: [2, 2], padding: 2 }), /maxPool: Expected padding below the kernel \[2, 2\]/],
    [
      () => resize(image, [3], { mode: 'linear' }),
      /resize: Expected x \[N, C, …\] and 1 or 2 sizes but found \[1, 4, 5, 5\] and \[3\]/,
    ],
    [() => attention(q, q, q, { window: 0 }), /attention: Expected a window of at least 1 key but found 0/],
    [
      () => attention(q, q, q, { bias: input('b', 'f32', [1, 3, 2, 2]) }),
      /attention: Expected bias f32\[1, 2, 2, 2\], the first three or 1, but found f32\[1, 3, 2, 2\]/,
    ],
  ];
  for (const [build, message] of cases) assert.throws(build, message);
});
