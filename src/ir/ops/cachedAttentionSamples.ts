import { i32, normal } from '../dense.ts';
import type { Sample } from '../op.ts';
import type { Shape } from '../types.ts';
import type { CachedAttrs } from './cachedAttention.ts';

interface Case {
  readonly name: string;
  readonly attrs: Omit<CachedAttrs, 'scale'>;
  /** [B, T, H, D] */
  readonly q: Shape;
  readonly kvHeads: number;
  readonly capacity: number;
  readonly lengths: readonly number[];
  readonly bias?: Shape;
}

const cases: readonly Case[] = [
  {
    name: 'one token, rows of different lengths',
    attrs: { fresh: false },
    q: [2, 1, 4, 8],
    kvHeads: 2,
    capacity: 6,
    lengths: [3, 5],
  },
  {
    name: 'several tokens of one sequence',
    attrs: { fresh: false },
    q: [1, 3, 2, 8],
    kvHeads: 1,
    capacity: 8,
    lengths: [2],
  },
  {
    name: 'one token, window and soft cap',
    attrs: { fresh: false, window: 3, softCap: 1.5 },
    q: [3, 1, 2, 8],
    kvHeads: 1,
    capacity: 6,
    lengths: [1, 3, 5],
  },
  {
    name: 'prompt into an empty cache, window',
    attrs: { fresh: true, window: 2 },
    q: [2, 5, 2, 8],
    kvHeads: 1,
    capacity: 6,
    lengths: [0, 0],
  },
  {
    name: 'several tokens of one sequence, window',
    attrs: { fresh: false, window: 2 },
    q: [1, 3, 2, 8],
    kvHeads: 1,
    capacity: 8,
    lengths: [3],
  },
  {
    name: 'prompt into an empty cache',
    attrs: { fresh: true },
    q: [2, 4, 2, 8],
    kvHeads: 1,
    capacity: 6,
    lengths: [0, 0],
  },
  {
    name: 'one token, bias of each head and key',
    attrs: { fresh: false },
    q: [2, 1, 4, 8],
    kvHeads: 2,
    capacity: 6,
    lengths: [2, 4],
    bias: [1, 4, 1, 6],
  },
  {
    name: 'one token, bias in full, window and soft cap',
    attrs: { fresh: false, window: 4, softCap: 1.5 },
    q: [2, 1, 2, 8],
    kvHeads: 1,
    capacity: 6,
    lengths: [5, 1],
    bias: [2, 2, 1, 6],
  },
  {
    name: 'prompt into an empty cache, bias of each head and key',
    attrs: { fresh: true },
    q: [2, 4, 2, 8],
    kvHeads: 2,
    capacity: 6,
    lengths: [0, 0],
    bias: [1, 2, 1, 6],
  },
  {
    name: 'long prompt into an empty cache, bias in full, window',
    attrs: { fresh: true, window: 7 },
    q: [2, 11, 2, 8],
    kvHeads: 1,
    capacity: 13,
    lengths: [0, 0],
    bias: [2, 2, 11, 13],
  },
  {
    name: 'several tokens of one sequence, bias of each query and key',
    attrs: { fresh: false },
    q: [1, 3, 2, 8],
    kvHeads: 1,
    capacity: 8,
    lengths: [4],
    bias: [1, 1, 3, 8],
  },
  {
    name: 'one token, many rows of wide heads in groups of three',
    attrs: { fresh: false },
    q: [6, 1, 9, 88],
    kvHeads: 3,
    capacity: 40,
    lengths: [0, 1, 15, 16, 31, 39],
  },
  {
    name: 'several tokens of one sequence, groups of five, window',
    attrs: { fresh: false, window: 18 },
    q: [1, 3, 10, 40],
    kvHeads: 2,
    capacity: 40,
    lengths: [35],
  },
];

export const cachedAttentionSamples = (): Sample<CachedAttrs>[] =>
  cases.map(({ name, attrs, q, kvHeads, capacity, lengths, bias }) => {
    const [batch = 1, tokens = 1, , width = 1] = q;
    const past = [batch, kvHeads, capacity, width];
    const scale = attrs.fresh ? 0 : 1;
    return {
      name,
      attrs: { scale: 0.7, ...attrs },
      inputs: [
        normal(q, 1),
        normal([batch, tokens, kvHeads, width], 2),
        normal([batch, tokens, kvHeads, width], 3),
        normal(past, 4, scale),
        normal(past, 5, scale),
        i32([batch], lengths),
        ...(bias ? [normal(bias, 6, 2)] : []),
      ],
    };
  });
