import type { Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import type { Draw, Property } from './draw.ts';

interface Case {
  readonly x: Value;
  /** Broadcasts with x. */
  readonly y: Value;
  /** i32 of x's shape, small. */
  readonly n: Value;
  readonly axis: number;
  readonly pick: (below: number) => number;
}

function caseOf(draw: Draw): Case {
  const shape = draw.shape();
  const { pick } = draw;
  const other = shape.map((size) => (pick(3) === 0 ? 1 : size)).slice(pick(2) === 0 ? 0 : pick(shape.length));
  return { x: draw.f32(shape), y: draw.f32(other), n: draw.i32(shape, 6), axis: pick(shape.length), pick };
}

const dim = ({ x, axis }: Case): number => x.type.shape[axis] as number;

/** Indices that lie in the axis. */
const within = (c: Case): Value => ir.minimum(c.n, ir.constant('i32', [], [dim(c) - 1]));

const several = ({ x, pick }: Case): number[] =>
  x.type.shape.map((_, i) => i).filter((_, i) => i === 0 || pick(2) === 0);

/** Functions of any shape. */
const functions: Readonly<Record<string, (c: Case) => Value>> = {
  add: ({ x, y }) => ir.add(x, y),
  sub: ({ x, y }) => ir.sub(y, x),
  mul: ({ x, y }) => ir.mul(x, y),
  div: ({ x, y }) => ir.div(x, ir.add(ir.abs(y), 0.5)),
  neg: ({ x }) => ir.neg(x),
  minimum: ({ x, y }) => ir.minimum(x, y),
  maximum: ({ x, y }) => ir.maximum(x, y),
  pow: ({ x, y }) => ir.pow(ir.add(ir.abs(x), 0.5), ir.clip(y, -3, 3)),
  clip: ({ x }) => ir.clip(x, -0.5, 2),
  abs: ({ x }) => ir.abs(x),
  sin: ({ x }) => ir.sin(x),
  cos: ({ x }) => ir.cos(x),
  exp: ({ x }) => ir.exp(ir.clip(x, -100, 5)),
  log: ({ x }) => ir.log(ir.add(ir.abs(x), 0.01)),
  sqrt: ({ x }) => ir.sqrt(ir.add(ir.abs(x), 0.01)),
  erf: ({ x }) => ir.erf(x),
  expm1: ({ x }) => ir.expm1(ir.clip(x, -100, 5)),
  log1p: ({ x }) => ir.log1p(ir.abs(x)),
  rsqrt: ({ x }) => ir.rsqrt(ir.add(ir.abs(x), 0.1)),
  tanh: ({ x }) => ir.tanh(x),
  sigmoid: ({ x }) => ir.sigmoid(x),
  softplus: ({ x }) => ir.softplus(x),
  logSigmoid: ({ x }) => ir.logSigmoid(x),
  silu: ({ x }) => ir.silu(x),
  gelu: ({ x }) => ir.gelu(x),
  geluTanh: ({ x }) => ir.geluTanh(x),
  relu: ({ x }) => ir.relu(x),
  where: ({ x, y }) => ir.where(ir.less(x, y), x, ir.mul(y, 2)),
  stopGradient: ({ x, y }) => ir.mul(ir.stopGradient(x), y),
  straightThrough: ({ x }) => ir.mul(ir.straightThrough(x, ir.round(x)), x),
  checkpoint: ({ x, y }) => ir.checkpoint((a, b) => ir.mul(ir.tanh(a), ir.sin(b)))(x, y),
  sum: ({ x, axis }) => ir.sum(x, [axis]),
  'sum of several axes': (c) => ir.sum(ir.clip(c.x, -9, 9), several(c), c.pick(2) === 0),
  mean: ({ x, axis }) => ir.mean(x, [axis], true),
  max: ({ x, axis }) => ir.max(x, [axis]),
  'max of several axes': (c) => ir.max(c.x, several(c), c.pick(2) === 0),
  min: ({ x, axis }) => ir.min(x, [axis], true),
  variance: ({ x, axis }) => ir.variance(x, [axis]),
  // Its gradient is exp(x - lse): an error of the difference is one of the result.
  logsumexp: ({ x, axis }) => ir.logsumexp(ir.clip(x, -40, 40), [axis]),
  'logsumexp of several axes': (c) => ir.logsumexp(ir.clip(c.x, -40, 40), several(c), c.pick(2) === 0),
  softmax: ({ x }) => ir.softmax(x),
  logSoftmax: ({ x }) => ir.logSoftmax(x),
  cumsum: ({ x, axis, pick }) => ir.cumsum(x, axis, { reverse: pick(2) === 1, exclusive: pick(3) === 1 }),
  slice: (c) => ir.slice(c.x, c.axis, c.pick(dim(c)), dim(c)),
  split: (c) => {
    const first = 1 + c.pick(dim(c));
    const sizes = [first, dim(c) - first].filter((size) => size > 0);
    const parts = ir.split(c.x, c.axis, sizes);
    return ir.mul(parts[0] as Value, 3);
  },
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
  reshape: ({ x }) => ir.sin(ir.reshape(x, [x.type.shape.reduce((a, b) => a * b, 1)])),
  transpose: ({ x }) =>
    ir.transpose(
      x,
      x.type.shape.map((_, i) => x.type.shape.length - 1 - i),
    ),
  'reduction of a transposed operand': ({ x, y }) => {
    const z = ir.add(x, y);
    const order = z.type.shape.map((_, i) => (i + 1) % z.type.shape.length);
    return ir.mean(ir.transpose(z, order), [0]);
  },
  broadcastTo: ({ x, pick }) => ir.broadcastTo(x, [1 + pick(3), ...x.type.shape]),
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
  casts: ({ x, n }) => ir.add(ir.cast(ir.less(x, 0), 'i32'), ir.cast(ir.cast(ir.cast(n, 'bool'), 'f32'), 'i32')),
  'f32 to i32': ({ x }) => ir.cast(x, 'i32'),
  'i32 arithmetic': ({ n }) => ir.sub(ir.mul(n, n), ir.add(n, n)),
  'i32 comparisons': ({ n, pick }) => {
    const other = ir.constant('i32', [], [pick(6)]);
    return ir.or(ir.and(ir.less(n, other), ir.lessEqual(other, n)), ir.equal(n, other));
  },
  'i32 minimum and maximum': ({ n }) =>
    ir.maximum(ir.minimum(n, ir.constant('i32', [], [3])), ir.constant('i32', [], [1])),
  'i32 where': ({ x, n }) => ir.where(ir.less(x, 0), n, ir.constant('i32', [], [7])),
  'i32 reductions': ({ n, axis }) => ir.add(ir.sum(n, [axis]), ir.sub(ir.max(n, [axis]), ir.min(n, [axis]))),
  'i32 cumsum': ({ n, axis }) => ir.cumsum(n, axis, { exclusive: true }),
  'i32 cuts': ({ n, axis }) => ir.flip(ir.concat([n, ir.roll(n, 1, axis)], axis), axis),
  'i32 pad and transpose': ({ n }) =>
    ir.pad(
      ir.transpose(
        n,
        n.type.shape.map((_, i) => (i + 1) % n.type.shape.length),
      ),
      n.type.shape.map(() => [1, 0]),
      -3,
    ),
  'i32 gathers': (c) =>
    ir.takeAlong(ir.gather(c.n, ir.constant('i32', [1], [0]), c.axis), ir.mul(firstOf(c), zero), c.axis),
  'bool where': ({ x, y }) => ir.where(ir.less(x, y), ir.less(x, 0), ir.less(0, y)),
  'bool cuts': ({ x, axis }) => ir.flip(ir.concat([ir.less(x, 0), ir.less(0, x)], axis), axis),
  'bool transpose': ({ x }) =>
    ir.transpose(
      ir.less(x, 0),
      x.type.shape.map((_, i) => (i + 1) % x.type.shape.length),
    ),
};

const zero = ir.constant('i32', [], [0]);
const firstOf = (c: Case): Value => ir.slice(c.n, c.axis, 0, 1);

/** Pairs that are equal to the last bit. */
const identities: Readonly<Record<string, (c: Case) => readonly [Value, Value]>> = {
  'concat of split': (c) => {
    const first = c.pick(dim(c) + 1);
    const sizes = [first, dim(c) - first].filter((size) => size > 0);
    return [ir.concat(ir.split(c.x, c.axis, sizes), c.axis), c.x];
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

/** Ops of any shape: elementwise, reductions, what moves elements. */
export const arrayProperties: readonly Property[] = [
  ...Object.entries(functions).map(([name, f]): Property => ({ name, build: (draw) => [f(caseOf(draw))] })),
  ...Object.entries(discrete).map(([name, f]): Property => ({ name, exact: true, build: (draw) => [f(caseOf(draw))] })),
  ...Object.entries(identities).map(([name, f]): Property => ({
    name,
    identity: true,
    build: (draw) => f(caseOf(draw)),
  })),
];
