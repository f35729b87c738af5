import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { at, buildGraph, type Graph, input, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { constant, constantOp, filled, scalar } from '../../src/ir/ops/constant.ts';
import { div } from '../../src/ir/ops/div.ts';
import { exp } from '../../src/ir/ops/exp.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { neg } from '../../src/ir/ops/neg.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { softmax } from '../../src/ir/ops/softmax.ts';
import { simplify } from '../../src/ir/simplify.ts';
import { verify } from '../../src/ir/verify.ts';
import { evaluate, evaluateNode } from '../../src/runtime/evaluate.ts';
import { relativeError } from '../parity.ts';

const x = input('x', 'f32', [2, 3]);
const feeds = { x: normal([2, 3], 1) };
const names = (graph: Graph): string[] =>
  graph.nodes.map(({ op }) => op.name).filter((name) => name !== 'leaf' && name !== 'constant');

function simplified(outputs: Readonly<Record<string, Value>>): Graph {
  const graph = buildGraph(outputs);
  const simple = simplify(graph, evaluateNode);
  verify(simple);
  const [want, found] = [evaluate(graph, feeds), evaluate(simple, feeds)];
  for (const [name, { data }] of Object.entries(want))
    assert.ok(relativeError(found[name]?.data ?? [], data) < 1e-7, name);
  assert.deepEqual(Object.keys(found), Object.keys(want));
  return simple;
}

test('equal nodes are merged, also through what they read', () => {
  const graph = simplified({ a: exp(neg(x)), b: exp(neg(x)), c: add(exp(neg(x)), exp(x)) });
  assert.deepEqual(names(graph).toSorted(), ['add', 'exp', 'exp', 'neg']);
  assert.equal(graph.outputs.get('a'), graph.outputs.get('b'));
});

test('nodes that differ in an attribute, an operand or the order of operands stay apart', () => {
  const graph = simplified({
    a: sum(x, [0]),
    b: sum(x, [1]),
    c: sum(x, [0], true),
    d: div(x, add(x, 9)),
    e: div(add(x, 9), x),
  });
  assert.deepEqual(names(graph).toSorted(), ['add', 'div', 'div', 'reduceSum', 'reduceSum', 'reduceSum']);
});

test('constants are merged by value: 0 and -0, infinities and types are not the same', () => {
  const twice = [constant('f32', [2], [1, 2]), constant('f32', [2], [1, 2])] as const;
  const graph = simplify(buildGraph({ a: twice[0], b: twice[1] }), evaluateNode);
  assert.equal(graph.nodes.length, 1);
  const apart = [
    scalar(0),
    scalar(-0),
    scalar(Infinity),
    scalar(-Infinity),
    constant('i32', [], [0]),
    constant('f32', [1], [0]),
    constant('bool', [], [0]),
  ];
  const kept = simplify(buildGraph(Object.fromEntries(apart.map((value, i) => [`y${i}`, value]))), evaluateNode);
  assert.equal(kept.nodes.length, apart.length);
});

test('what is constant is computed once, rounded to f32', () => {
  const graph = simplified({ y: mul(x, exp(div(add(scalar(1), 2), 7))) });
  assert.deepEqual(names(graph), ['mul']);
  const folded = graph.nodes.find(({ op }) => op === constantOp)?.attrs['data'] as Float64Array;
  assert.equal(folded[0], Math.fround(folded[0] ?? 0));
  assert.deepEqual(names(simplify(buildGraph({ y: exp(scalar(1)) }))), ['exp'], 'without an evaluator nothing is');
});

test('a large constant result stays computed', () => {
  const graph = simplified({ y: sum(exp(filled('f32', [5000], 1))), z: x });
  assert.ok(names(graph).includes('exp'));
});

test('what no output needs is dropped', () => {
  const dead = exp(neg(x));
  gradients(sum(dead), [x]);
  const graph = buildGraph({ y: neg(x), dead });
  const live = simplify({ ...graph, outputs: new Map([['y', at([...graph.outputs.values()], 0)]]) }, evaluateNode);
  assert.deepEqual(names(live), ['neg']);
});

test('a training graph keeps its values', () => {
  const loss = sum(mul(softmax(x), exp(mul(x, add(scalar(0.25), 0.25)))));
  simplified({ loss, g: at(gradients(loss, [x]), 0) });
});

test('outputs stay in place', () => {
  const graph = simplify(buildGraph({ y: exp(neg(x)) }, { inPlace: { y: 'x' } }), evaluateNode);
  assert.deepEqual([...graph.inPlace], [['y', 'x']]);
});
