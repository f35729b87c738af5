import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { f32, i32, normal } from '../../src/ir/dense.ts';
import { vjp } from '../../src/ir/grad.ts';
import { buildGraph, input, type Value } from '../../src/ir/graph.ts';
import * as ir from '../../src/ir/index.ts';
import { type Dense, type Shape, sizeOf } from '../../src/ir/types.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';

const engine = ortEngine({ threads: 1 });
after(() => engine.close());

/** Uniform whole numbers from a seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

interface Case {
  readonly x: Value;
  /** Broadcasts with x. */
  readonly y: Value;
  /** i32 of x's shape, small. */
  readonly n: Value;
  readonly axis: number;
  /** Whole numbers of the case, the same in every use. */
  readonly pick: (below: number) => number;
}

const dim = ({ x, axis }: Case): number => x.type.shape[axis] as number;

/** Indices that lie in the axis. */
const within = (c: Case): Value => ir.minimum(c.n, ir.constant('i32', [], [dim(c) - 1]));

/** Functions that are differentiated by x where they give f32. */
const functions: Readonly<Record<string, (c: Case) => Value>> = {
  add: ({ x, y }) => ir.add(x, y),
  mul: ({ x, y }) => ir.mul(x, y),
  div: ({ x, y }) => ir.div(x, ir.add(ir.abs(y), 0.5)),
  minimum: ({ x, y }) => ir.minimum(x, y),
  maximum: ({ x, y }) => ir.maximum(x, y),
  pow: ({ x, y }) => ir.pow(ir.add(ir.abs(x), 0.5), ir.clip(y, -3, 3)),
  clip: ({ x }) => ir.clip(x, -0.5, 2),
  abs: ({ x }) => ir.abs(x),
  sin: ({ x }) => ir.sin(x),
  cos: ({ x }) => ir.cos(x),
  erf: ({ x }) => ir.erf(x),
  expm1: ({ x }) => ir.expm1(ir.clip(x, -100, 5)),
  log1p: ({ x }) => ir.log1p(ir.abs(x)),
  rsqrt: ({ x }) => ir.rsqrt(ir.add(ir.abs(x), 0.1)),
  tanh: ({ x }) => ir.tanh(x),
  softplus: ({ x }) => ir.softplus(x),
  logSigmoid: ({ x }) => ir.logSigmoid(x),
  silu: ({ x }) => ir.silu(x),
  gelu: ({ x }) => ir.gelu(x),
  geluTanh: ({ x }) => ir.geluTanh(x),
  relu: ({ x }) => ir.relu(x),
  where: ({ x, y }) => ir.where(ir.less(x, y), x, ir.mul(y, 2)),
  sum: ({ x, axis }) => ir.sum(x, [axis]),
  mean: ({ x, axis }) => ir.mean(x, [axis], true),
  max: ({ x, axis }) => ir.max(x, [axis]),
  min: ({ x, axis }) => ir.min(x, [axis], true),
  variance: ({ x, axis }) => ir.variance(x, [axis]),
  logsumexp: ({ x, axis }) => ir.logsumexp(x, [axis]),
  softmax: ({ x }) => ir.softmax(x),
  logSoftmax: ({ x }) => ir.logSoftmax(x),
  cumsum: ({ x, axis, pick }) => ir.cumsum(x, axis, { reverse: pick(2) === 1, exclusive: pick(3) === 1 }),
  slice: (c) => ir.slice(c.x, c.axis, c.pick(dim(c)), dim(c)),
  concat: ({ x, y, axis }) => ir.concat([x, ir.add(ir.mul(x, 0), y)], axis),
  pad: ({ x, axis, pick }) =>
    ir.pad(
      x,
      x.type.shape.map((_, i) => (i === axis ? [pick(3), pick(4)] : [0, 1])),
      1.5,
    ),
  flip: ({ x, axis }) => ir.flip(x, axis),
  roll: ({ x, axis, pick }) => ir.roll(x, pick(9) - 4, axis),
  stack: ({ x, y, axis }) => ir.stack([x, ir.add(ir.mul(x, 0), y)], axis),
  transpose: ({ x }) =>
    ir.transpose(
      x,
      x.type.shape.map((_, i) => x.type.shape.length - 1 - i),
    ),
  gather: (c) => ir.gather(c.x, ir.constant('i32', [2, 2], [0, dim(c) - 1, c.pick(dim(c)), 0]), c.axis),
  takeAlong: (c) => ir.takeAlong(c.x, within(c), c.axis),
  scatterAddAlong: (c) => ir.scatterAddAlong(within(c), c.x, c.axis, dim(c)),
  topK: ({ x, pick }) => ir.topK(x, 1 + pick(x.type.shape.at(-1) as number), pick(5) > 1).values,
  sort: ({ x }) => ir.sort(x).values,
  tril: ({ x, pick }) => (x.type.shape.length > 1 ? ir.tril(x, pick(5) - 2) : x),
  triu: ({ x, pick }) => (x.type.shape.length > 1 ? ir.triu(x, pick(5) - 2) : x),
};

/** Functions of exact results. */
const discrete: Readonly<Record<string, (c: Case) => Value>> = {
  less: ({ x, y }) => ir.less(x, y),
  lessEqual: ({ x, y }) => ir.lessEqual(x, y),
  notEqual: ({ x, y }) => ir.notEqual(x, y),
  'and, or, not': ({ x, y }) => ir.and(ir.or(ir.less(x, y), ir.less(1, x)), ir.not(ir.less(y, -1))),
  'any, all': ({ x, axis }) => ir.or(ir.any(ir.less(x, 0), [axis]), ir.all(ir.less(x, 1), [axis])),
  argmax: ({ x }) => ir.argmax(x),
  argmin: ({ x }) => ir.argmin(x),
  'indices of topK': ({ x }) => ir.sort(x, true).indices,
  floor: ({ x }) => ir.floor(x),
  round: ({ x }) => ir.round(x),
  sign: ({ x }) => ir.sign(x),
  oneHot: ({ n }) => ir.oneHot(n, 3),
  'i32 arithmetic': ({ n }) => ir.sub(ir.mul(n, n), ir.add(n, n)),
  'i32 minimum and maximum': ({ n }) =>
    ir.maximum(ir.minimum(n, ir.constant('i32', [], [3])), ir.constant('i32', [], [1])),
  'i32 reductions': ({ n, axis }) => ir.add(ir.sum(n, [axis]), ir.sub(ir.max(n, [axis]), ir.min(n, [axis]))),
  'i32 cumsum': ({ n, axis }) => ir.cumsum(n, axis, { exclusive: true }),
  'i32 cuts': ({ n, axis }) => ir.flip(ir.concat([n, ir.roll(n, 1, axis)], axis), axis),
  'bool cuts': ({ x, axis }) => ir.flip(ir.concat([ir.less(x, 0), ir.less(0, x)], axis), axis),
};

/** Pairs that are equal to the last bit. */
const identities: Readonly<Record<string, (c: Case) => readonly [Value, Value]>> = {
  'concat of split': (c) => {
    const first = c.pick(dim(c) + 1);
    return [
      ir.concat(
        ir.split(
          c.x,
          c.axis,
          [first, dim(c) - first].filter((size) => size > 0),
        ),
        c.axis,
      ),
      c.x,
    ];
  },
  'flip of flip': ({ x, axis }) => [ir.flip(ir.flip(x, axis), axis), x],
  'roll back': ({ x, axis }) => [ir.roll(ir.roll(x, 2, axis), -2, axis), x],
  'sort by indices': ({ x }) => {
    const { values, indices } = ir.sort(x);
    return [ir.takeAlong(x, indices), values];
  },
  'scatter of a permutation': ({ x }) => {
    const { values, indices } = ir.sort(x);
    return [ir.scatterAddAlong(indices, values, -1, x.type.shape.at(-1) as number), x];
  },
  'pad and slice': ({ x, axis }) => {
    const padded = ir.pad(
      x,
      x.type.shape.map((_, i) => (i === axis ? [2, 1] : [0, 0])),
    );
    return [ir.slice(padded, axis, 2, 2 + (x.type.shape[axis] as number)), x];
  },
  'tril and triu': ({ x }) => (x.type.shape.length > 1 ? [ir.add(ir.tril(x, 0), ir.triu(x, 1)), x] : [x, x]),
};

/** Values with ties, zeros and magnitudes from 1e-3 to 1e3. */
function values(shape: Shape, seed: number): Dense {
  const pick = generator(seed);
  const { data } = normal(shape, seed);
  return f32(
    shape,
    data.map((value) => {
      const kind = pick(4);
      // Zeros are positive, so that identities hold to the bit.
      if (kind === 0) return Math.round(value * 2) / 2 + 0;
      return kind === 1 ? value * 10 ** (pick(7) - 3) : value;
    }),
  );
}

function caseOf(seed: number): { readonly c: Case; readonly feeds: Record<string, Dense> } {
  const pick = generator(seed);
  const sizes = [1, 1, 2, 3, 5, 8];
  const shape = Array.from({ length: 1 + pick(4) }, () => sizes[pick(sizes.length)] as number);
  const other = shape.map((size) => (pick(3) === 0 ? 1 : size)).slice(pick(2) === 0 ? 0 : pick(shape.length));
  const feeds = {
    x: values(shape, seed + 1),
    y: values(other, seed + 2),
    n: i32(
      shape,
      Array.from({ length: sizeOf(shape) }, () => pick(6)),
    ),
  };
  const [x, y, n] = [input('x', 'f32', shape), input('y', 'f32', other), input('n', 'i32', shape)];
  return { c: { x, y, n, axis: pick(shape.length), pick }, feeds };
}

/** Largest difference relative to the largest magnitude, 1 at least; infinities and NaN must agree. */
function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = Math.max(1, ...Array.from(expected, Math.abs).filter(Number.isFinite));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [have, want] = [found[i] as number, Math.fround(expected[i] as number)];
    if (!Number.isFinite(want)) worst = Object.is(have, want) ? worst : Number.POSITIVE_INFINITY;
    else worst = Math.max(worst, Number.isFinite(have) ? Math.abs(have - want) / scale : Number.POSITIVE_INFINITY);
  }
  return worst;
}

async function check(seed: number): Promise<number> {
  const { c, feeds } = caseOf(seed);
  const outputs: Record<string, Value> = {};
  const exact = new Map<string, string>();
  for (const [name, build] of Object.entries(functions)) {
    const value = build(c);
    outputs[name] = value;
    const dy = input(`dy ${name}`, 'f32', value.type.shape);
    feeds[`dy ${name}`] = normal(value.type.shape, seed + 3);
    outputs[`gradient of ${name}`] = vjp([[value, dy]], [c.x])[0] as Value;
  }
  for (const [name, build] of Object.entries(discrete)) outputs[name] = build(c);
  for (const [name, build] of Object.entries(identities)) {
    const [left, right] = build(c);
    outputs[name] = left;
    outputs[`${name}, plainly`] = right;
    exact.set(name, `${name}, plainly`);
  }
  const graph = buildGraph(outputs);
  const used = Object.fromEntries(graph.leaves.map(({ name }) => [name, feeds[name] as Dense]));
  const expected = evaluate(graph, used);
  const program = await engine.load(graph);
  const found = await program.run(
    Object.fromEntries(
      Object.entries(used).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]),
    ),
  );
  program.release();
  const place = `seed ${seed}, x [${c.x.type.shape.join(', ')}], y [${c.y.type.shape.join(', ')}], axis ${c.axis}`;
  for (const [name, { data }] of Object.entries(expected)) {
    const error = distance(found[name]?.data ?? [], data);
    assert.ok(error <= (Object.hasOwn(discrete, name) ? 0 : 5e-6), `${name}: relative error ${error} at ${place}`);
  }
  for (const [left, right] of exact) {
    assert.deepEqual(expected[left]?.data, expected[right]?.data, `${left} on the reference at ${place}`);
    assert.deepEqual(Array.from(found[left]?.data ?? []), Array.from(found[right]?.data ?? []), `${left} at ${place}`);
  }
  return Object.keys(expected).length;
}

test('on random shapes ONNX Runtime gives what the reference gives, forward and gradient, and identities hold', async (t) => {
  const end = performance.now() + 5000;
  let cases = 0;
  let compared = 0;
  // At least five cases however slow the machine is.
  for (; cases < 40 && (cases < 5 || performance.now() < end); cases++) compared += await check(1000 + 17 * cases);
  t.diagnostic(`${cases} cases, ${compared} values compared`);
});
