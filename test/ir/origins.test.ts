import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { add, exp, linear, mul, type Value } from '../../src/ir/index.ts';
import { opIn, originsOf } from '../../src/ir/origins.ts';

test('a node stands at the module of the nearest parameters above it, or at what several share', () => {
  const x = input('x', 'f32', [1, 2]);
  const q = linear(x, parameter('model.0.attention.q.weight', [2, 2]));
  const k = linear(x, parameter('model.0.attention.k.weight', [2, 2]));
  const scores = mul(q, k);
  const later = exp(exp(scores));
  const out = add(linear(later, parameter('model.1.o.weight', [2, 2])), later);
  const alone = exp(x);
  const originOf = originsOf(buildGraph({ out, alone }));
  const expected: readonly (readonly [Value, string])[] = [
    [q, 'linear at model.0.attention.q'],
    [scores, 'mul at model.0.attention'],
    [later, 'exp at model.0.attention'],
    [out, 'add at model.1.o'],
    [alone, 'exp'],
  ];
  for (const [value, origin] of expected) assert.equal(originOf(value.node), origin);
  assert.equal(
    originOf(
      at(
        out.node.inputs.flatMap((operand) => operand ?? []),
        0,
      ).node,
    ),
    'linear at model.1.o',
  );
});

test('an op is named in the op that it is a part of', () => {
  assert.equal(opIn('exp', 'exp at model.0'), 'exp at model.0');
  assert.equal(opIn('exp', 'softmax at model.0'), 'exp in softmax at model.0');
});
