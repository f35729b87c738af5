import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGraph, input, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { exp } from '../../src/ir/ops/exp.ts';
import { matmul } from '../../src/ir/ops/matmul.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { neg } from '../../src/ir/ops/neg.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { transpose } from '../../src/ir/ops/transpose.ts';
import { simplify } from '../../src/ir/simplify.ts';
import { lower } from '../../src/runtime/onnx/lower.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { engines } from './engines.ts';

const x = input('x', 'f32', [2, 2]);
const g = input('g', 'f32', [2, 2]);
const [start, step] = [
  [1, 2, 3, 4],
  [10, 20, 30, 40],
];
const moved = add(x, g);

interface Case {
  readonly name: string;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly inPlace: Readonly<Record<string, string>>;
  /** Outputs that ONNX Runtime writes over their leaf while it runs. */
  readonly aliased: readonly string[];
  readonly expected: Readonly<Record<string, readonly number[]>>;
}

const cases: readonly Case[] = [
  { name: 'an update', outputs: { y: moved }, inPlace: { y: 'x' }, aliased: ['y'], expected: { y: [11, 22, 33, 44] } },
  {
    name: 'a leaf that is read before it is overwritten',
    outputs: { y: add(x, mul(sum(x), g)) },
    inPlace: { y: 'x' },
    aliased: ['y'],
    expected: { y: [101, 202, 303, 404] },
  },
  {
    name: 'a leaf that is read after it is overwritten',
    outputs: { y: moved, z: mul(moved, x) },
    inPlace: { y: 'x' },
    aliased: [],
    expected: { y: [11, 22, 33, 44], z: [11, 44, 99, 176] },
  },
  {
    name: 'a leaf whose view is read after it is overwritten',
    outputs: { y: moved, z: add(reshape(x, [4]), reshape(moved, [4])) },
    inPlace: { y: 'x' },
    aliased: [],
    expected: { y: [11, 22, 33, 44], z: [12, 24, 36, 48] },
  },
  {
    name: 'a leaf that is an output as well',
    outputs: { y: moved, old: x },
    inPlace: { y: 'x' },
    aliased: [],
    expected: { y: [11, 22, 33, 44], old: [1, 2, 3, 4] },
  },
  {
    name: 'a leaf that another output reads, in no order',
    outputs: { y: moved, z: neg(x) },
    inPlace: { y: 'x' },
    aliased: [],
    expected: { y: [11, 22, 33, 44], z: [-1, -2, -3, -4] },
  },
  {
    name: 'an output that is not element by element',
    outputs: { y: matmul(x, g) },
    inPlace: { y: 'x' },
    aliased: [],
    expected: { y: [70, 100, 150, 220] },
  },
  {
    name: 'a transposed leaf',
    outputs: { y: transpose(x, [1, 0]) },
    inPlace: { y: 'x' },
    aliased: [],
    expected: { y: [1, 3, 2, 4] },
  },
  {
    name: 'two leaves that change places',
    outputs: { y: g, z: x },
    inPlace: { y: 'x', z: 'g' },
    aliased: [],
    expected: { y: [10, 20, 30, 40], z: [1, 2, 3, 4] },
  },
  {
    name: 'two updates that read each other',
    outputs: { y: add(x, g), z: mul(g, x) },
    inPlace: { y: 'x', z: 'g' },
    aliased: [],
    expected: { y: [11, 22, 33, 44], z: [10, 40, 90, 160] },
  },
  {
    name: 'one value over two leaves',
    outputs: { y: moved, z: moved },
    inPlace: { y: 'x', z: 'g' },
    aliased: ['y'],
    expected: { y: [11, 22, 33, 44], z: [11, 22, 33, 44] },
  },
  {
    name: 'an update that another output is made of',
    outputs: { y: moved, z: exp(mul(moved, 0)) },
    inPlace: { y: 'x' },
    aliased: ['y'],
    expected: { y: [11, 22, 33, 44], z: [1, 1, 1, 1] },
  },
];

for (const { name, outputs, inPlace, aliased, expected } of cases) {
  const graph = buildGraph(outputs, { inPlace });
  for (const engine of engines) {
    test(`${name}: the values are right and lie in the leaf's memory, on ${engine.name}`, async () => {
      const program = await engine.load(graph);
      for (let run = 0; run < 2; run++) {
        const feeds: Record<string, ReturnType<typeof tensor>> = {};
        for (const { name: leaf } of graph.leaves) feeds[leaf] = tensor('f32', [2, 2], leaf === 'x' ? start : step);
        const found = await program.run(feeds);
        for (const [output, want] of Object.entries(expected)) {
          assert.deepEqual(Array.from(found[output]?.data ?? []), want, `${output}, run ${run + 1}`);
          const leaf = inPlace[output];
          if (leaf !== undefined) assert.equal(found[output]?.data, feeds[leaf]?.data);
        }
      }
      program.release();
    });
  }
  test(`${name}: ONNX Runtime writes ${aliased.join(', ') || 'nothing'} over its leaf as it runs`, async () => {
    assert.deepEqual([...(await lower(simplify(graph))).aliased], aliased);
  });
}
