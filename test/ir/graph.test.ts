import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { grad, gradients, valueAndGrad, vjp } from '../../src/ir/grad.ts';
import {
  apply,
  at,
  buildGraph,
  type Graph,
  input,
  inputSpec,
  type Leaf,
  parameter,
  parameterSpec,
  trace,
  type Value,
} from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { argmax } from '../../src/ir/ops/argmax.ts';
import { attention } from '../../src/ir/ops/attention.ts';
import { broadcastTo } from '../../src/ir/ops/broadcastTo.ts';
import { concat } from '../../src/ir/ops/concat.ts';
import { constant } from '../../src/ir/ops/constant.ts';
import { conv } from '../../src/ir/ops/conv.ts';
import { embedding } from '../../src/ir/ops/embedding.ts';
import { exp } from '../../src/ir/ops/exp.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { matmul } from '../../src/ir/ops/matmul.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { neg } from '../../src/ir/ops/neg.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { rmsNorm } from '../../src/ir/ops/rmsNorm.ts';
import { slice } from '../../src/ir/ops/slice.ts';
import { split } from '../../src/ir/ops/split.ts';
import { stopGradient } from '../../src/ir/ops/stopGradient.ts';
import { tokenLogprobs } from '../../src/ir/ops/tokenLogprobs.ts';
import { topK } from '../../src/ir/ops/topK.ts';
import { transpose } from '../../src/ir/ops/transpose.ts';
import { verify } from '../../src/ir/verify.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';

const x = input('x', 'f32', [2, 3]);
const w = parameter('w', [4, 3]);
const feeds = { x: normal([2, 3], 1), w: normal([4, 3], 2) };
const run = (outputs: Readonly<Record<string, Value>>) => {
  const graph = buildGraph(outputs);
  verify(graph);
  return evaluate(graph, feeds);
};
const data = (dense: { data: Float64Array } | undefined): Float64Array => dense?.data ?? assert.fail('no output');

test('gradients of a sum of squares', () => {
  const loss = sum(mul(x, x));
  const { value, grads } = valueAndGrad(({ x: leaf }) => sum(mul(leaf as Value, leaf as Value)))({ x });
  const found = run({ loss, value, ...grads, again: at(gradients(loss, [x]), 0) });
  assert.deepEqual(data(found['value']), data(found['loss']));
  assert.deepEqual(
    data(found['x']),
    feeds.x.data.map((item) => 2 * item),
  );
  assert.deepEqual(data(found['again']), data(found['x']));
});

test('grad is by every parameter, zero where nothing reaches', () => {
  const loss = (params: Readonly<Record<string, Value>>, rows: Value) =>
    sum(matmul(rows, params['w'] as Value, { transposeB: true }));
  const unused = parameter('unused', [5]);
  const found = grad(loss)({ w, unused }, x);
  assert.deepEqual(Object.keys(found), ['w', 'unused']);
  const outputs = run(found);
  const columns = [0, 1, 2].map((j) => (feeds.x.data[j] ?? 0) + (feeds.x.data[3 + j] ?? 0));
  assert.deepEqual([...data(outputs['w'])], [...columns, ...columns, ...columns, ...columns]);
  assert.deepEqual([...data(outputs['unused'])], [0, 0, 0, 0, 0]);
});

test('a value that is used twice gets both contributions', () => {
  const y = exp(x);
  const found = run({ g: at(gradients(sum(add(mul(y, 2), mul(y, y))), [x]), 0) });
  data(found['g']).forEach((value, i) => {
    const e = Math.exp(feeds.x.data[i] ?? 0);
    assert.ok(Math.abs(value - (2 * e + 2 * e * e)) < 1e-12 * value);
  });
});

test('stopGradient is the identity forwards and a constant backwards', () => {
  const found = run({ y: stopGradient(exp(x)), g: at(gradients(sum(mul(stopGradient(exp(x)), x)), [x]), 0) });
  assert.deepEqual(data(found['y']), feeds.x.data.map(Math.exp));
  assert.deepEqual(data(found['g']), feeds.x.data.map(Math.exp));
});

test('what cannot be differentiated is named', () => {
  assert.throws(() => gradients(x, [x]), /f32 scalar as loss but found f32\[2, 3\]/);
  assert.throws(
    () => gradients(sum(x), [input('ids', 'i32', [2])]),
    /f32 values to differentiate by but found i32\[2\]/,
  );
  const cachedLoss = sum(at(apply({ ...stopGradientless, name: 'rounding' }, [x], {}), 0));
  assert.throws(() => gradients(cachedLoss, [x]), /rounding has no gradient: put stopGradient before it/);
  const wrong = at(apply({ ...stopGradientless, name: 'crooked', vjp: () => [input('g', 'f32', [3])] }, [x], {}), 0);
  assert.throws(
    () => gradients(sum(wrong), [x]),
    /crooked: expected a gradient of type f32\[2, 3\] but found f32\[3\]/,
  );
  assert.equal(at(vjp([[argmaxed, argmaxed]], [x]), 0).type.dtype, 'f32', 'integers carry no gradient');
});

const stopGradientless = {
  name: 'bare',
  formula: 'y = x',
  infer: (types: readonly (Value['type'] | null)[]) => [types[0] as Value['type']],
  vjp: 'nondifferentiable',
} as const;
const argmaxed = argmax(x);

test('shape rules say op, expected and found', () => {
  const cases: readonly [RegExp, () => unknown][] = [
    [/^add: Expected shapes that broadcast but found \[2, 3\] and \[4, 3\]$/, () => add(x, w)],
    [/^add: Expected two operands of .* but found f32 and i32/, () => add(x, input('i', 'i32', [2, 3]))],
    [/^matmul: .*\[2, 3\].*\[4, 3\]/, () => matmul(x, w)],
    [/^reshape: Expected a shape of 6 elements but found \[4\]$/, () => reshape(x, [4])],
    [/^transpose: Expected a permutation of 2 axes but found \[0, 0\]/, () => transpose(x, [0, 0])],
    [/^concat: /, () => concat([x, input('y', 'f32', [2, 3, 1])], 0)],
    [/^slice: /, () => slice(x, 0, 1, 9)],
    [/^embedding: /, () => embedding(w, x)],
    [/^linear: Expected inputs of width 4 for weight \[3, 4\] but found \[2, 3\]/, () => linear(x, transposeOf(w))],
    [/^linear: Expected bias \[4\] but found \[3\]/, () => linear(x, w, parameter('b', [3]))],
    [
      /^linear: Expected factors A \[2, 3\] and B \[4, 2\] but found \[2, 3\] and \[4, 3\]/,
      () => linear(x, w, null, { a: parameter('a', [2, 3]), b: w, scale: 1 }),
    ],
    [/^rmsNorm: /, () => rmsNorm(x, parameter('n', [4]), 1e-5)],
    [
      /^vocabularyStatistics: Expected i32 targets \[2\] but found i32\[3\]/,
      () => tokenLogprobs(x, w, input('t', 'i32', [3])),
    ],
    [
      /^vocabularyStatistics: Expected hidden \[N, D\] and head \[V, D\] but found \[2, 3\] and \[3, 4\]/,
      () => tokenLogprobs(x, transposeOf(w), input('t', 'i32', [2])),
    ],
    [
      /^attention: /,
      () =>
        attention(input('q', 'f32', [1, 2, 3, 4]), input('k', 'f32', [1, 2, 2, 4]), input('v', 'f32', [1, 2, 2, 4]), {
          causal: true,
          segments: null,
        }),
    ],
    [/^reduceSum: Expected an axis in \[-2, 2\) but found 2$/, () => sum(x, [2])],
  ];
  for (const [message, build] of cases)
    assert.throws(
      build,
      (error: Error) => message.test(error.message) || assert.fail(`${error.message} does not match ${message}`),
    );
});

test('empty and fractional shapes are refused, with the leaf or op that they come from', () => {
  const cases: readonly [RegExp, () => unknown][] = [
    [/^leaf ids: Expected whole sizes of at least 1 but found i32\[2, 0\]$/, () => input('ids', 'i32', [2, 0])],
    [/^leaf v: .* found f32\[2.5\]$/, () => parameter('v', [2.5])],
    [/^leaf n: .* found f32\[NaN\]$/, () => parameter('n', [Number.NaN])],
    [/^slice: .* found f32\[0, 3\]$/, () => slice(x, 0, 1, 1)],
    [/^constant: .* found f32\[0\]$/, () => constant('f32', [0], new Float64Array(0))],
    [/^broadcastTo: /, () => broadcastTo(x, [0, 2, 3])],
    [/^topK: Expected k in \[1, 3\] but found 0/, () => topK(x, 0)],
    [/^conv: .*fits/, () => conv(input('i', 'f32', [1, 1, 2]), parameter('k', [1, 1, 3]))],
    [/^split: /, () => split(x, 0, [2, 0])],
  ];
  for (const [message, build] of cases) assert.throws(build, { name: 'RangeError', message });
});

const transposeOf = (value: Value): Value => parameter('transposed', value.type.shape.toReversed());

test('trace makes a program of a function; two leaves of one name are refused', () => {
  const graph = trace({ a: inputSpec('f32', [2]), b: parameterSpec([2]) }, ({ a, b }) => ({ y: mul(a, b) }));
  verify(graph);
  assert.deepEqual(
    graph.leaves.map(({ name, kind }) => [name, kind]),
    [
      ['a', 'input'],
      ['b', 'parameter'],
    ],
  );
  assert.throws(
    () => buildGraph({ y: add(input('a', 'f32', [2]), parameter('a', [2])) }),
    /one leaf named a but found two: input f32\[2\] and parameter f32\[2\]/,
  );
});

const graph = buildGraph({ y: exp(neg(x)), z: sum(x) });
const broken = (changes: Partial<Graph>): Graph => ({ ...graph, ...changes });
const strange: Value = { ...at([...graph.outputs.values()], 0), type: { dtype: 'f32', shape: [9] } };
const crooked = at(graph.nodes, 1);

const breaches: readonly [string, RegExp, Graph][] = [
  [
    'a node before what it reads',
    /"order" is broken at node 0 \(exp\): it reads a value of neg/,
    broken({ nodes: graph.nodes.toReversed().toSorted((a) => (a.op.name === 'exp' ? -1 : 1)) }),
  ],
  [
    'a leaf that is not listed',
    /"leaves" is broken at node 0 \(leaf\): the leaf is not listed/,
    broken({ leaves: [] }),
  ],
  [
    'a name that is listed twice',
    /"leaves" is broken at the list of leaves: a name stands there twice/,
    broken({ leaves: [at(graph.leaves, 0), { ...at(graph.leaves, 0) }] as Leaf[] }),
  ],
  [
    'a value of another type than its rule says',
    /"types" is broken at node 1 \(neg\): output 0 is f32\[9\], the rule says f32\[2, 3\]/,
    broken({
      nodes: [
        at(graph.nodes, 0),
        { ...crooked, outputs: [{ ...at(crooked.outputs, 0), type: { dtype: 'f32', shape: [9] } }] },
      ],
      outputs: new Map(),
    }),
  ],
  [
    'an output that nothing computes',
    /"outputs" is broken at output y: a value of exp that no node here computes/,
    broken({ outputs: new Map([['y', strange]]) }),
  ],
  [
    'an in-place output that is not there',
    /"in-place" is broken at q over x: no such output or leaf/,
    broken({ inPlace: new Map([['q', 'x']]) }),
  ],
  [
    'a leaf that is not there',
    /"in-place" is broken at y over q: no such output or leaf/,
    broken({ inPlace: new Map([['y', 'q']]) }),
  ],
  [
    'an output over a leaf of another type',
    /"in-place" is broken at z over x: types are f32\[\] and f32\[2, 3\]/,
    broken({ inPlace: new Map([['z', 'x']]) }),
  ],
  [
    'two outputs over one leaf',
    /"in-place" is broken at b over x: another output overwrites the same leaf/,
    buildGraph({ a: neg(x), b: exp(x) }, { inPlace: { a: 'x', b: 'x' } }),
  ],
];

for (const [name, message, breach] of breaches)
  test(`verify refuses ${name}`, () => assert.throws(() => verify(breach), message));

test('verify passes a sound graph', () => {
  verify(graph);
  verify(buildGraph({ y: neg(x) }, { inPlace: { y: 'x' } }));
});
