import { f32, normal } from '../../../src/ir/dense.ts';
import { at, type Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import { after } from '../../../src/ir/ops/after.ts';
import type { Dense, Shape } from '../../../src/ir/types.ts';
import { type Draw, moderate, type Property } from './draw.ts';

const maybe = (draw: Draw, make: () => Value): Value | null => (draw.pick(2) === 0 ? null : make());

/** [T, S], or one row for all; values that a softmax does not only saturate on. */
const biasShape = ({ pick }: Draw, full: Shape): number[] => full.map((dim, i) => (i < 3 && pick(2) === 0 ? 1 : dim));

/** Segments 0, 1, …, rising. */
const segments = (draw: Draw, shape: Shape): Value => {
  const [, time = 1] = shape;
  const starts = draw.i32([shape[0] ?? 1, 1], 2);
  const halves = Float64Array.from({ length: time }, (_, i) => Math.floor((2 * i) / time));
  return ir.add(starts, ir.constant('i32', [1, time], halves));
};

function attend(draw: Draw): Value {
  const { pick } = draw;
  const [batch, kvHeads, groups, width] = [1 + pick(2), 1 + pick(2), 1 + pick(3), 1 + pick(9)];
  const time = [1, 2, 5, 17, 67][pick(5)] ?? 1;
  const kind = pick(4);
  const keys = kind === 3 ? 1 + pick(9) : time;
  const heads = kvHeads * groups;
  const q = draw.f32([batch, time, heads, width], moderate);
  const [k, v] = [draw.f32([batch, keys, kvHeads, width], moderate), draw.f32([batch, keys, kvHeads, width], moderate)];
  return ir.attention(q, k, v, {
    causal: kind === 0 || kind === 1,
    ...(kind < 3 && pick(2) === 0 && { window: 1 + pick(time) }),
    ...(pick(3) === 0 && { softCap: 1 + pick(3) }),
    segments: kind < 3 ? maybe(draw, () => segments(draw, [batch, time])) : null,
    prefix: kind === 1 ? draw.i32([batch], time) : null,
    bias: maybe(draw, () => draw.f32(biasShape(draw, [batch, heads, time, keys]), moderate)),
  });
}

function attendCached(draw: Draw): readonly Value[] {
  const { pick } = draw;
  const [kvHeads, groups, width] = [1 + pick(2), 1 + pick(3), 8 * (1 + pick(2))];
  // Several tokens at once go to an empty cache or to one sequence.
  const fresh = pick(3) === 0;
  const tokens = [1, 1, 3, 11][pick(4)] ?? 1;
  const batch = fresh || tokens === 1 ? 1 + pick(3) : 1;
  const capacity = tokens + 1 + pick(9);
  const heads = kvHeads * groups;
  const cache: Shape = [batch, kvHeads, capacity, width];
  const past = (): Value => draw.f32(cache, (shape, seed) => normal(shape, seed, fresh ? 0 : 1));
  const q = draw.f32([batch, tokens, heads, width], moderate);
  const [k, v] = [
    draw.f32([batch, tokens, kvHeads, width], moderate),
    draw.f32([batch, tokens, kvHeads, width], moderate),
  ];
  const held = { keys: past(), values: past(), lengths: draw.i32([batch], capacity - tokens + 1) };
  const { out, keys, values } = ir.cachedAttention(q, k, v, held, {
    fresh,
    ...(pick(2) === 0 && { window: 1 + pick(capacity) }),
    ...(pick(3) === 0 && { softCap: 1 + pick(3) }),
    bias: maybe(draw, () => draw.f32(biasShape(draw, [batch, heads, tokens, capacity]), moderate)),
  });
  return [out, keys, values];
}

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

/** A window that fits: sizes, kernel, stride, padding, dilation of one or two axes. */
function windowFor({ pick }: Draw, axes: number) {
  const spatial = Array.from({ length: axes }, () => 3 + pick(6));
  const kernel = spatial.map(() => 1 + pick(3));
  const dilation = kernel.map((size) => (size === 1 ? 1 : 1 + pick(2)));
  const padding = kernel.map((size): [number, number] => [pick(size), pick(size)]);
  return { spatial, kernel, stride: kernel.map(() => 1 + pick(3)), padding, dilation };
}

function convolve(draw: Draw): Value {
  const axes = 1 + draw.pick(2);
  const { spatial, kernel, stride, padding, dilation } = windowFor(draw, axes);
  const [groups, channels, out] = [[1, 1, 2, 3][draw.pick(4)] ?? 1, 1 + draw.pick(9), 1 + draw.pick(3)];
  const inside = kernel.map((size, i) =>
    (size - 1) * (dilation[i] ?? 1) < (spatial[i] ?? 1) ? (dilation[i] ?? 1) : 1,
  );
  const x = draw.f32([1 + draw.pick(2), channels * groups, ...spatial], moderate);
  const w = draw.f32([out * groups, channels, ...kernel], moderate);
  const bias = maybe(draw, () => draw.f32([out * groups], moderate));
  return ir.conv(x, w, bias, { stride, padding, dilation: inside, groups });
}

function convolveBack(draw: Draw): Value {
  const { kernel, stride, dilation } = windowFor(draw, 1 + draw.pick(2));
  const [groups, channels, out] = [1 + draw.pick(2), 1 + draw.pick(3), 1 + draw.pick(3)];
  const spatial = kernel.map(() => 2 + draw.pick(4));
  const x = draw.f32([1 + draw.pick(2), channels * groups, ...spatial], moderate);
  const w = draw.f32([channels * groups, out, ...kernel], moderate);
  const bias = maybe(draw, () => draw.f32([out * groups], moderate));
  const outputPadding = stride.map((by) => draw.pick(by));
  const padding = kernel.map((size): [number, number] => [draw.pick(size), draw.pick(2) === 0 ? 0 : size - 1]);
  return ir.convTranspose(x, w, bias, { stride, dilation, groups, outputPadding, padding });
}

function pooled(draw: Draw, pool: (x: Value, window: Parameters<typeof ir.maxPool>[1]) => Value): Value {
  const { spatial, kernel, stride, padding } = windowFor(draw, 1 + draw.pick(2));
  return pool(draw.f32([1 + draw.pick(2), draw.size(), ...spatial], moderate), { kernel, stride, padding });
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
  { name: 'attention', build: (draw) => [attend(draw)] },
  { name: 'cachedAttention', skipGradient: 'it has none', build: attendCached },
  { name: 'linear', build: (draw) => [linear(draw)] },
  { name: 'matmul', build: (draw) => [matmul(draw)] },
  { name: 'conv', build: (draw) => [convolve(draw)] },
  { name: 'convTranspose', build: (draw) => [convolveBack(draw)] },
  { name: 'maxPool', build: (draw) => [pooled(draw, ir.maxPool)] },
  {
    name: 'avgPool',
    build: (draw) => [pooled(draw, (x, window) => ir.avgPool(x, { ...window, countPadding: draw.pick(2) === 0 }))],
  },
  {
    name: 'resize',
    build: (draw) => {
      const { spatial } = windowFor(draw, 1 + draw.pick(2));
      const mode = draw.pick(2) === 0 ? 'nearest' : 'linear';
      const size = spatial.map((dim) => (draw.pick(3) === 0 ? 2 * dim : 1 + draw.pick(9)));
      const x = draw.f32([1 + draw.pick(2), draw.size(), ...spatial], moderate);
      return [ir.resize(x, size, { mode, alignCorners: draw.pick(2) === 0 })];
    },
  },
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
      return [ir.swiglu(draw.f32(shape), draw.f32(shape))];
    },
  },
  {
    name: 'geglu',
    build: (draw) => {
      const shape = draw.shape();
      return [ir.geglu(draw.f32(shape), draw.f32(shape), draw.pick(2) === 0 ? 'none' : 'tanh')];
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
  { name: 'vocabularyStatistics', tolerance: 1e-5, build: statistics },
  {
    name: 'vocabulary topK and samples',
    exact: true,
    build: (draw) => {
      const [rows, vocabulary] = [1 + draw.pick(9), 2 + draw.pick(40)];
      const model = { hidden: draw.f32([rows, 4], moderate), head: draw.f32([vocabulary, 4], moderate) };
      const uniforms = ir.constant(
        'f32',
        [rows],
        Float64Array.from({ length: rows }, (_, i) => (i + 0.5) / rows),
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
      return [ir.solve(draw.f32([...batch, n, n], regular), draw.f32([...batch, n, 1 + draw.pick(3)], moderate))];
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
