import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint } from '../../src/ir/checkpoint.ts';
import { dense, normal } from '../../src/ir/dense.ts';
import { gradients, vjp } from '../../src/ir/grad.ts';
import { apply, at, buildGraph, input, type Value } from '../../src/ir/graph.ts';
import { hessianVectorProduct, jvp } from '../../src/ir/jvp.ts';
import type { Op, Sample } from '../../src/ir/op.ts';
import { add } from '../../src/ir/ops/add.ts';
import { cast } from '../../src/ir/ops/cast.ts';
import { ops } from '../../src/ir/ops/index.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { straightThrough } from '../../src/ir/ops/straightThrough.ts';
import { tap, tapOp, withPatches, withTaps } from '../../src/ir/taps.ts';
import { type Dense, sameType, sizeOf, type TensorType } from '../../src/ir/types.ts';
import { evaluate, evaluateValues } from '../../src/runtime/evaluate.ts';
import { applySample, differentiable } from './central-differences.ts';

type Env = Map<Value, Dense>;

const values = (outputs: readonly Value[], env: Env): readonly Dense[] => evaluateValues(outputs, new Map(env));

/** The environment with every leaf moved along its tangent. */
const moved = (env: Env, tangents: Env, by: number): Env =>
  new Map(
    [...env].map(([leaf, operand]) => [
      leaf,
      { ...operand, data: operand.data.map((x, i) => x + by * (tangents.get(leaf)?.data[i] ?? 0)) },
    ]),
  );

const step = 1e-5;

/** The derivative along the tangents by four points: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h of each output. */
function central(outputs: readonly Value[], env: Env, tangents: Env): number[][] {
  const along = [1, -1, 2, -2].map((by) => values(outputs, moved(env, tangents, by * step)));
  const weights = [8, -8, -1, 1];
  return outputs.map((_, i) =>
    Array.from(at(at(along, 0), i).data, (_x, j) =>
      weights.reduce((sum, weight, k) => sum + (weight * (at(at(along, k), i).data[j] ?? 0)) / (12 * step), 0),
    ),
  );
}

/** Largest difference relative to the largest expected magnitude, or to `least` where all are smaller. */
function error(found: readonly Dense[], expected: readonly number[][], least: number): number {
  const all = expected.flat();
  // Step by step: a hundred thousand arguments are more than a call takes.
  const scale = all.reduce((most, x) => Math.max(most, Math.abs(x)), least);
  const values = found.flatMap(({ data }) => Array.from(data));
  return values.reduce((most, x, i) => Math.max(most, Math.abs(x - (all[i] ?? 0)) / scale), 0);
}

const same = (found: readonly Dense[], expected: readonly Dense[], tolerance: number): void => {
  const distance = error(
    found,
    expected.map(({ data }) => Array.from(data)),
    1e-3,
  );
  assert.ok(distance <= tolerance, `relative error ${distance}`);
};

const operandOf = (env: Env, value: Value): Dense => env.get(value) ?? assert.fail('no operand');

const constantOf = ({ dtype, shape }: TensorType, value: number): Dense =>
  dense(dtype, shape, new Float64Array(sizeOf(shape)).fill(value));

/** y + y, of bools as numbers. */
function twice(y: Value): Value {
  const number = y.type.dtype === 'bool' ? cast(y, 'i32') : y;
  return add(number, number);
}

/** The operands that are there, in the places of all. */
function spread(leaves: readonly (Value | null)[], given: readonly Value[]): (Value | null)[] {
  let next = 0;
  return leaves.map((leaf) => leaf && at(given, next++));
}

const isFloat = ({ type }: Value): boolean => type.dtype === 'f32';

/** Small enough for second derivatives on the reference. */
const small = ({ inputs }: Sample): boolean => inputs.every((operand) => !operand || sizeOf(operand.shape) <= 128);

const tangentsOf = (wrt: readonly Value[]): [leaves: Value[], operands: Env, env: Env] => {
  const leaves = wrt.map(({ type }, i) => input(`t${i}`, 'f32', type.shape));
  const operands = wrt.map(({ type }, i) => normal(type.shape, 200 + i));
  return [
    leaves,
    new Map(wrt.map((x, i) => [x, at(operands, i)])),
    new Map(leaves.map((leaf, i) => [leaf, at(operands, i)])),
  ];
};

const subjects: readonly { readonly op: Op; readonly sample: Sample }[] = [...ops, tapOp as unknown as Op].flatMap(
  (op) => (op.samples?.() ?? []).map((sample) => ({ op, sample })),
);

/** Ops that refuse to be differentiated, in forward mode too. */
const refusing = ({ vjp: rule, decompose }: Op): boolean => rule === 'nondifferentiable' && !decompose;

for (const { op, sample } of subjects) {
  const name = `${op.name}, ${sample.name}`;
  const { outputs, leaves, env } = applySample(op, sample);
  const wrt = differentiable(leaves);
  const floats = outputs.filter(isFloat);
  const smooth = sample.skipGradient === undefined && wrt.length > 0 && floats.length > 0;

  test(`${name}: taps read every output, patches replace it`, () => {
    const named = Object.fromEntries(outputs.map((y, i) => [`y${i}`, tap(y, `tap ${i}`)]));
    const graph = buildGraph(Object.fromEntries(Object.entries(named).map(([key, y]) => [key, twice(y)])));
    const feeds = Object.fromEntries(leaves.flatMap((leaf, i) => (leaf ? [[`x${i}`, operandOf(env, leaf)]] : [])));
    const taps = outputs.map((_, i) => `tap ${i}`);
    const read = evaluate(withTaps(graph, taps), feeds);
    values(outputs, env).forEach(({ data }, i) => assert.deepEqual(read[`tap ${i}`]?.data, data));
    const patched = withPatches(graph, taps);
    assert.deepEqual(new Set(patched.leaves.map((leaf) => leaf.name)), new Set(taps), 'what came before is not read');
    const other = Object.fromEntries(outputs.map(({ type }, i) => [`tap ${i}`, constantOf(type, 1)]));
    for (const [, { data }] of Object.entries(evaluate(patched, other))) assert.ok(data.every((x) => x === 2));
  });

  if (refusing(op) && wrt.length > 0 && floats.length > 0) {
    test(`${name}: forward and reverse mode refuse it by name`, () => {
      const [tangents] = tangentsOf(wrt);
      const refusal = new RegExp(`^${op.name} has no gradient`);
      assert.throws(() => jvp(floats, wrt, tangents), { name: 'TypeError', message: refusal });
      assert.throws(() => vjp([[at(floats, 0), at(floats, 0)]], wrt), { name: 'TypeError', message: refusal });
    });
  }
  if (!smooth || refusing(op)) continue;

  test(`${name}: forward mode against a central difference along the tangents`, () => {
    const [tangents, along, fed] = tangentsOf(wrt);
    const found = values(jvp(floats, wrt, tangents), new Map([...env, ...fed]));
    assert.ok(error(found, central(floats, env, along), 1e-3) < 1e-6);
  });

  if (op.vjp === 'nondifferentiable') continue;

  test(`${name}: recompute changes no gradient`, () => {
    const y = at(floats, 0);
    const again = checkpoint((...xs: readonly Value[]) => at(apply(op, spread(leaves, xs), sample.attrs), y.index));
    const seed = input('dy', 'f32', y.type.shape);
    const fed = new Map([...env, [seed, normal(y.type.shape, 99)]] as [Value, Dense][]);
    const z = again(...leaves.filter((leaf) => leaf !== null));
    same(values([z], env), values([y], env), 0);
    same(values(vjp([[z, seed]], wrt), fed), values(vjp([[y, seed]], wrt), fed), 1e-13);
  });

  if (!small(sample)) continue;
  test(`${name}: Hessian-vector products against central differences of gradients`, () => {
    const y = at(floats, 0);
    const weights = input('weights', 'f32', y.type.shape);
    const loss = sum(mul(mul(y, y), weights));
    const [tangents, along, fed] = tangentsOf(wrt);
    const full = new Map([...env, [weights, normal(y.type.shape, 98)]] as [Value, Dense][]);
    const found = values(hessianVectorProduct(loss, wrt, tangents), new Map([...full, ...fed]));
    assert.ok(error(found, central(gradients(loss, wrt), full, along), 1e-3) < 1e-6);
  });
}

test("straight through any op of one shape the value is the op's and the gradient the identity's", () => {
  let count = 0;
  for (const { op, sample } of subjects) {
    const { outputs, leaves, env } = applySample(op, sample);
    const [x, y] = [leaves[0], outputs[0]];
    if (!x || !y || !isFloat(x) || !sameType(x.type, y.type)) continue;
    const z = straightThrough(x, y);
    const seed = input('dy', 'f32', y.type.shape);
    const fed = new Map([...env, [seed, normal(y.type.shape, 99)]] as [Value, Dense][]);
    const [value, slope] = values([z, ...vjp([[z, seed]], [x])], fed);
    assert.deepEqual(value?.data, values([y], env)[0]?.data, `${op.name}, ${sample.name}`);
    assert.deepEqual(slope?.data, operandOf(fed, seed).data, `${op.name}, ${sample.name}`);
    count++;
  }
  assert.ok(count > 60, `${count} samples`);
});
