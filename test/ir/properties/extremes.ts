import { f32 } from '../../../src/ir/dense.ts';
import type { Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import type { Dense, Shape } from '../../../src/ir/types.ts';
import { type Draw, generator, moderate, type Property } from './draw.ts';

const magnitudes = [0, 1e-38, 1e-30, 1e-10, 1e-3, 0.5, 1, 2.5, 20, 88, 104, 1e4, 2 ** 24 + 2, 1e10, 1e30, 3e38];

/** Values of every magnitude and both signs, and infinities. */
function extreme(shape: Shape, seed: number): Dense {
  const pick = generator(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return f32(
    shape,
    Float64Array.from({ length: count }, () => {
      const sign = pick(2) === 0 ? 1 : -1;
      return sign * (pick(8) === 0 ? Infinity : (magnitudes[pick(magnitudes.length)] ?? 0));
    }),
  );
}

/** As `extreme`, but for infinities. */
const finite = (shape: Shape, seed: number): Dense => {
  const operand = extreme(shape, seed);
  return { ...operand, data: operand.data.map((x) => (Number.isFinite(x) ? x : Math.sign(x) * 7)) };
};

/** Scores of which many are -infinity, one of each row at least not. */
function masked(shape: Shape, seed: number): Dense {
  const operand = finite(shape, seed);
  const width = shape.at(-1) ?? 1;
  const pick = generator(seed + 1);
  return {
    ...operand,
    data: operand.data.map((x, i) => (i % width > 0 && pick(2) === 0 ? -Infinity : Math.min(x, 1e30))),
  };
}

const unary: Readonly<Record<string, (x: Value) => Value>> = {
  abs: ir.abs,
  neg: ir.neg,
  exp: ir.exp,
  expm1: ir.expm1,
  log: (x) => ir.log(ir.abs(x)),
  log1p: (x) => ir.log1p(ir.abs(x)),
  sqrt: (x) => ir.sqrt(ir.abs(x)),
  rsqrt: (x) => ir.rsqrt(ir.abs(x)),
  tanh: ir.tanh,
  sigmoid: ir.sigmoid,
  erf: ir.erf,
  relu: ir.relu,
  silu: ir.silu,
  gelu: ir.gelu,
  geluTanh: ir.geluTanh,
  softplus: ir.softplus,
  logSigmoid: ir.logSigmoid,
  clip: (x) => ir.clip(x, -1e5, Infinity),
};

/** Whose results are the operands' or truth values. */
const exact: Readonly<Record<string, (x: Value, y: Value) => Value>> = {
  floor: (x) => ir.floor(x),
  round: (x) => ir.round(x),
  sign: (x) => ir.sign(x),
  maximum: (x, y) => ir.maximum(x, y),
  minimum: (x, y) => ir.minimum(x, y),
  less: (x, y) => ir.less(x, y),
  lessEqual: (x, y) => ir.lessEqual(x, y),
  equal: (x, y) => ir.equal(x, y),
  where: (x, y) => ir.where(ir.less(x, y), x, y),
  argmax: (x) => ir.argmax(x),
  max: (x) => ir.max(x, [-1]),
  min: (x) => ir.min(x, [0]),
  sort: (x) => ir.sort(x).values,
  'indices of sort': (x) => ir.sort(x, true).indices,
  flip: (x) => ir.flip(x, -1),
  concat: (x) => ir.concat([x, ir.neg(x)], 0),
  gather: (x) => ir.gather(x, ir.constant('i32', [1], [0]), 0),
};

const rows: Readonly<Record<string, (x: Value) => Value>> = {
  softmax: ir.softmax,
  logSoftmax: ir.logSoftmax,
  logsumexp: (x) => ir.logsumexp(x, [-1]),
};

const each = (draw: Draw, make: (shape: Shape, seed: number) => Dense): [Value, Value] => {
  const shape = draw.shape(3);
  return [draw.f32(shape, make), draw.f32(shape, make)];
};

const skipGradient = 'operands beyond what has a gradient in f32';

/** What is defined for infinities and every magnitude is so on every engine. */
export const extremeProperties: readonly Property[] = [
  ...Object.entries(unary).map(([name, f]): Property => ({
    name: `${name} of extremes`,
    skipGradient,
    build: (draw) => [f(each(draw, extreme)[0])],
  })),
  ...Object.entries({ add: ir.add, sub: ir.sub, mul: ir.mul, div: ir.div }).map(([name, f]): Property => ({
    name: `${name} of extremes`,
    skipGradient,
    build: (draw) => [f(...each(draw, extreme))],
  })),
  ...Object.entries(exact).map(([name, f]): Property => ({
    name: `${name} of extremes`,
    exact: true,
    build: (draw) => [f(...each(draw, extreme))],
  })),
  ...Object.entries(rows).map(([name, f]): Property => ({
    name: `${name} of masked rows`,
    skipGradient,
    build: (draw) => [f(each(draw, masked)[0])],
  })),
  {
    name: 'attention of masked scores',
    skipGradient,
    build: (draw) => {
      const [time, heads] = [1 + draw.pick(9), 1 + draw.pick(2)];
      const [q, k, v] = [0, 1, 2].map(() => draw.f32([1, time, heads, 4], moderate));
      const bias = draw.f32([1, heads, time, time], (shape, seed) => {
        const { data } = masked(shape, seed);
        return f32(
          shape,
          data.map((x) => (x === -Infinity || x < -1e20 ? x : Math.sign(x))),
        );
      });
      return [ir.attention(q as Value, k as Value, v as Value, { bias })];
    },
  },
];
