import { f32, normal } from '../../../src/ir/dense.ts';
import { at, type Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import { after } from '../../../src/ir/ops/after.ts';
import { codeBytes, dequantize, quantizedBlock } from '../../../src/ir/ops/dequantize.ts';
import type { Dense, Shape } from '../../../src/ir/types.ts';
import { type Draw, generator, maybe, moderate, type Property } from './draw.ts';

function linear(draw: Draw): Value {
  const [batch, time, inner, out, rank] = [
    draw.size(),
    [1, 3, 40, 130][draw.pick(4)] ?? 1,
    draw.size() + 1,
    draw.size(),
    1 + draw.pick(3),
  ];
  const each = draw.pick(3) === 0 ? [batch] : [];
  const x = draw.f32(draw.pick(3) === 0 && each.length === 0 ? [time, inner] : [batch, time, inner], moderate);
  const low = {
    a: draw.f32([...each, rank, inner], moderate),
    b: draw.f32([...each, out, rank], moderate),
    scale: 0.5,
  };
  const [weight, bias] = [draw.f32([out, inner], moderate), maybe(draw, () => draw.f32([out], moderate))];
  return ir.linear(x, weight, bias, draw.pick(3) === 0 && each.length === 0 ? undefined : low);
}

function matmul(draw: Draw): Value {
  const { pick } = draw;
  const batch = draw.shape(2);
  const [m, n, k] = [[1, 2, 7, 33][pick(4)] ?? 1, [1, 3, 8, 19][pick(4)] ?? 1, [1, 2, 9, 70][pick(4)] ?? 1];
  const [transposeA, transposeB] = [pick(2) === 0, pick(2) === 0];
  const leading = batch.map((dim) => (pick(3) === 0 ? 1 : dim)).slice(pick(batch.length + 1));
  const a = draw.f32([...(pick(3) === 0 ? [] : batch), ...(transposeA ? [k, m] : [m, k])], moderate);
  const b = draw.f32([...leading, ...(transposeB ? [n, k] : [k, n])], moderate);
  return ir.matmul(a, b, { transposeA, transposeB, alpha: pick(2) === 0 ? 1 : -0.5 });
}

/** Diagonally dominant, with signs and rows out of order. */
function regular(shape: Shape, seed: number): Dense {
  const n = shape.at(-1) ?? 1;
  const { data } = normal(shape, seed, 0.5);
  return f32(
    shape,
    data.map((x, i) => x + (Math.floor(i / n) % n === n - 1 - (i % n) ? Math.sign(x) * (1 + n) : 0)),
  );
}

const square = (draw: Draw): [batch: number[], n: number] => [draw.shape(2).slice(0, draw.pick(3)), 1 + draw.pick(6)];

function statistics(draw: Draw): readonly Value[] {
  const { pick } = draw;
  const [rows, width, vocabulary] = [[1, 5, 300][pick(3)] ?? 1, 1 + pick(8), 3 + pick(40)];
  const half = (shape: Shape, seed: number): Dense => normal(shape, seed, 0.5);
  const source = () => ({
    hidden: draw.f32([rows, width], half),
    head: draw.f32([vocabulary, width], half),
    bias: maybe(draw, () => draw.f32([vocabulary], half)),
    ...(pick(3) === 0 && { softCap: 2 + pick(3) }),
    scale: pick(2) === 0 ? 1 : 0.7,
  });
  const asked = (['logprobs', 'entropy', 'klToReference', 'klFromReference'] as const).filter(
    (_, i) => i === 0 || pick(2) === 0,
  );
  const found = ir.vocabularyStatistics(source(), asked, {
    targets: draw.i32([rows], vocabulary),
    reference: source(),
    temperature: pick(2) === 0 ? 1 : 1.5,
  });
  const total = asked.map((name, i) => ir.mul(at([found[name]], 0), 1 + i)).reduce((sum, part) => ir.add(sum, part));
  return [total];
}

function experts(draw: Draw): Value {
  const [tokens, width, count] = [2 + draw.pick(6), 1 + draw.pick(5), 2 + draw.pick(3)];
  const routing = ir.route(draw.f32([tokens, count], moderate), 1 + draw.pick(2));
  const matrices = Array.from({ length: count }, () => draw.f32([width, width], moderate));
  const x = draw.f32([tokens, width], moderate);
  const y = ir.mixtureOfExperts(
    x,
    routing,
    (rows, e) => ir.tanh(ir.linear(rows, at(matrices, e))),
    1 + draw.pick(tokens),
  );
  return ir.add(y, ir.balanceLoss(routing));
}

function recurrence(draw: Draw): Value {
  const [time, batch, width] = [1 + draw.pick(5), draw.size(), draw.size()];
  const xs = { x: draw.f32([time, batch, width], moderate), gate: draw.f32([time, batch, width], moderate) };
  const { carry, outputs } = ir.scan(
    ({ h }: { readonly h: Value }, now) => {
      const kept = ir.mul(h, ir.sigmoid(now['gate'] ?? h));
      const next = ir.add(kept, now['x'] ?? h);
      return { carry: { h: next }, outputs: { y: ir.tanh(next) } };
    },
    { h: draw.f32([batch, width], moderate) },
    xs,
    { reverse: draw.pick(2) === 0 },
  );
  return ir.add(ir.sum(outputs['y'] ?? carry.h, [0]), carry.h);
}

const tokens = (draw: Draw): [ids: Value, places: Value] => {
  const shape = [1 + draw.pick(3), 1 + draw.pick(4)];
  return [draw.i32(shape, 9), draw.i32(shape, 30)];
};

/** Ops of operands that fit each other. */
export const layerProperties: readonly Property[] = [
  { name: 'linear', build: (draw) => [linear(draw)] },
  { name: 'matmul', build: (draw) => [matmul(draw)] },
  {
    name: 'rmsNorm',
    build: (draw) => {
      const shape = draw.shape(3);
      return [ir.rmsNorm(draw.f32(shape, moderate), draw.f32([shape.at(-1) ?? 1], moderate), 0.1)];
    },
  },
  {
    name: 'layerNorm',
    // A row of one or of equal elements has no deviation to divide by.
    build: (draw) => {
      const shape = [...draw.shape(3), 2 + draw.pick(7)];
      const factor = () => maybe(draw, () => draw.f32([shape.at(-1) ?? 1], moderate));
      return [ir.layerNorm(draw.f32(shape, moderate), factor(), factor(), 0.1)];
    },
  },
  {
    name: 'groupNorm',
    build: (draw) => {
      const [groups, each] = [1 + draw.pick(3), 1 + draw.pick(3)];
      const x = draw.f32([1 + draw.pick(2), groups * each, ...draw.shape(2)], moderate);
      const factor = () => maybe(draw, () => draw.f32([groups * each], moderate));
      return [ir.groupNorm(x, groups, factor(), factor(), 0.1)];
    },
  },
  {
    name: 'batchNorm',
    build: (draw) => {
      const x = draw.f32([2 + draw.pick(3), 1 + draw.pick(4), ...draw.shape(2)], moderate);
      const channels = [x.type.shape[1] ?? 1];
      return [ir.batchNorm(x, ir.batchStatistics(x), draw.f32(channels, moderate), draw.f32(channels, moderate), 0.1)];
    },
  },
  {
    name: 'rotary',
    build: (draw) => {
      const [batch, time, pairs] = [1 + draw.pick(2), 1 + draw.pick(6), 1 + draw.pick(4)];
      const width = 2 * pairs + 2 * draw.pick(3);
      const inverseFrequencies = Array.from({ length: pairs }, (_, i) => 10 ** (-i / 2));
      const x = draw.f32([batch, time, 1 + draw.pick(3), width], moderate);
      return [ir.rotary(x, draw.i32([batch, time], 40), { inverseFrequencies, attentionFactor: 1.2 }, 40)];
    },
  },
  {
    name: 'swiglu',
    build: (draw) => {
      const shape = draw.shape();
      return [ir.swiglu(draw.f32(shape, moderate), draw.f32(shape, moderate))];
    },
  },
  {
    name: 'geglu',
    build: (draw) => {
      const shape = draw.shape();
      return [ir.geglu(draw.f32(shape, moderate), draw.f32(shape, moderate), draw.pick(2) === 0 ? 'none' : 'tanh')];
    },
  },
  {
    name: 'embedding',
    build: (draw) => {
      const rows = 1 + draw.pick(9);
      return [ir.embedding(draw.f32([rows, draw.size()]), draw.i32(draw.shape(2), rows))];
    },
  },
  {
    name: 'scatterAddRows',
    build: (draw) => {
      const [shape, rows] = [draw.shape(2), 1 + draw.pick(9)];
      return [ir.scatterAddRows(draw.i32(shape, rows), draw.f32([...shape, draw.size()]), rows)];
    },
  },
  // The gradient of a bias that all of 300 rows share cancels to nothing: their parts, 10 together, round by 300 · 10 · 2^-24 at most.
  { name: 'vocabularyStatistics', tolerance: 1.8e-4, build: statistics },
  {
    name: 'vocabulary topK and samples',
    exact: true,
    build: (draw) => {
      const [rows, vocabulary] = [1 + draw.pick(9), 2 + draw.pick(40)];
      const model = { hidden: draw.f32([rows, 4], moderate), head: draw.f32([vocabulary, 4], moderate) };
      const uniforms = ir.constant(
        'f32',
        [rows],
        Float64Array.from({ length: rows }, (_, i) => Math.fround((i + 0.37) / (rows + 0.1))),
      );
      const { topK, samples } = ir.vocabularyStatistics(model, ['topK', 'samples'], { k: 1 + draw.pick(2), uniforms });
      return [topK.indices, samples];
    },
  },
  { name: 'mixtureOfExperts', tolerance: 1e-5, build: (draw) => [experts(draw)] },
  { name: 'scan', build: (draw) => [recurrence(draw)] },
  {
    name: 'solve',
    tolerance: 2e-5,
    build: (draw) => {
      const [batch, n] = square(draw);
      return [ir.solve(draw.plain([...batch, n, n], regular), draw.f32([...batch, n, 1 + draw.pick(3)], moderate))];
    },
  },
  {
    name: 'cholesky',
    tolerance: 2e-5,
    build: (draw) => {
      const [batch, n] = square(draw);
      const root = draw.f32([...batch, n, n], moderate);
      const gram = ir.matmul(root, root, { transposeB: true });
      return [ir.cholesky(ir.add(gram, ir.mul(ir.oneHot(ir.arange(n), n), n)))];
    },
  },
  {
    name: 'adamw',
    skipGradient: 'it has none',
    build: (draw) => {
      const shape = draw.shape(2);
      const positive = ir.add(ir.abs(draw.f32(shape, moderate)), 0.01);
      const state = { theta: draw.f32(shape, moderate), m: draw.f32(shape, moderate), v: positive };
      const [rate, first, second] = [0.01, 0.5, 0.2].map((x) =>
        ir.constant('f32', [], Float64Array.of(Math.fround(x))),
      );
      const attrs = { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: draw.pick(2) * 0.1 };
      const done = ir.adamw(state, draw.f32(shape, moderate), rate as Value, [first as Value, second as Value], attrs);
      return [done.theta, done.m, done.v];
    },
  },
  {
    name: 'after',
    build: (draw) => [after(draw.f32(draw.shape()), draw.f32(draw.shape()))],
  },
  {
    name: 'dequantize',
    skipGradient: 'it has none',
    build: (draw) => {
      const [blocks, type] = [1 + draw.pick(5), draw.pick(2) === 0 ? 'int8' : 'int4'] as const;
      const shape = draw.pick(2) === 0 ? [blocks, quantizedBlock] : [4, (blocks * quantizedBlock) / 4];
      const codes = draw.plain([blocks * codeBytes[type]], (bytes, seed) => {
        const pick = generator(seed);
        return { dtype: 'u8', shape: bytes, data: Float64Array.from({ length: bytes[0] ?? 0 }, () => pick(256)) };
      });
      return [dequantize(codes, draw.f32([blocks]), type, shape)];
    },
  },
  {
    name: 'keepMask',
    exact: true,
    build: (draw) => {
      const attrs = { width: 1 + draw.pick(9), keep: 0.6, stream: draw.pick(99) };
      return [ir.keepMask(draw.i32([2], 99), ...tokens(draw), attrs)];
    },
  },
  {
    name: 'keyedUniform',
    exact: true,
    build: (draw) => [ir.keyedUniform(draw.i32([2], 99), ...tokens(draw), draw.pick(99))],
  },
];
