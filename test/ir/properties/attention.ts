import { normal } from '../../../src/ir/dense.ts';
import type { Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import type { Shape } from '../../../src/ir/types.ts';
import { type Draw, maybe, moderate, type Property } from './draw.ts';

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

/** Attention under every mask, and over a cache. */
export const attentionProperties: readonly Property[] = [
  { name: 'attention', build: (draw) => [attend(draw)] },
  { name: 'cachedAttention', skipGradient: 'it has none', build: attendCached },
];
