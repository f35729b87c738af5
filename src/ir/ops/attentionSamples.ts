import { i32, normal } from '../dense.ts';
import type { Sample } from '../op.ts';
import type { Dense, Shape } from '../types.ts';
import type { AttentionAttrs } from './attention.ts';

interface Case {
  readonly name: string;
  readonly attrs: Omit<AttentionAttrs, 'scale'>;
  readonly q: Shape;
  readonly kv: Shape;
  readonly segments?: Dense;
  readonly bias?: Shape;
  readonly keySegments?: Dense;
  readonly prefix?: Dense;
}

const hundreds = (count: number): Dense =>
  i32(
    [1, count],
    Array.from({ length: count }, (_, i) => Math.floor(i / 100)),
  );

const cases: readonly Case[] = [
  { name: 'causal, grouped', attrs: { causal: true }, q: [2, 5, 4, 3], kv: [2, 5, 2, 3] },
  { name: 'bidirectional', attrs: { causal: false }, q: [1, 4, 2, 2], kv: [1, 4, 2, 2] },
  { name: 'cross', attrs: { causal: false }, q: [1, 2, 2, 3], kv: [1, 5, 1, 3] },
  {
    name: 'packed segments',
    attrs: { causal: true },
    q: [2, 6, 2, 2],
    kv: [2, 6, 1, 2],
    segments: i32([2, 6], [0, 0, 1, 1, 1, -1, 0, 1, 2, 3, 3, 3]),
  },
  { name: 'one token', attrs: { causal: true }, q: [1, 1, 3, 2], kv: [1, 1, 1, 2] },
  {
    name: 'several query blocks',
    attrs: { causal: true },
    q: [1, 196, 2, 2],
    kv: [1, 196, 1, 2],
    segments: hundreds(196),
  },
  { name: 'window', attrs: { causal: true, window: 2 }, q: [2, 6, 2, 2], kv: [2, 6, 1, 2] },
  { name: 'window to both sides', attrs: { causal: false, window: 3 }, q: [1, 7, 2, 2], kv: [1, 7, 2, 2] },
  {
    name: 'window over several query blocks',
    attrs: { causal: true, window: 40 },
    q: [1, 136, 2, 2],
    kv: [1, 136, 1, 2],
    segments: hundreds(136),
  },
  {
    name: 'window to both sides over several query blocks',
    attrs: { causal: false, window: 20 },
    q: [1, 136, 1, 2],
    kv: [1, 136, 1, 2],
    bias: [1, 1, 136, 136],
  },
  {
    name: 'prefix',
    attrs: { causal: true },
    q: [2, 5, 2, 2],
    kv: [2, 5, 1, 2],
    prefix: i32([2], [3, 0]),
  },
  {
    name: 'prefix, window and segments',
    attrs: { causal: true, window: 2 },
    q: [2, 6, 1, 2],
    kv: [2, 6, 1, 2],
    segments: i32([2, 6], [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2]),
    prefix: i32([2], [2, 4]),
  },
  { name: 'bias of each head', attrs: { causal: true }, q: [2, 4, 4, 2], kv: [2, 4, 2, 2], bias: [1, 4, 4, 4] },
  {
    name: 'bias of each sequence and key',
    attrs: { causal: false },
    q: [2, 3, 2, 2],
    kv: [2, 5, 1, 2],
    bias: [2, 1, 1, 5],
  },
  {
    name: 'bias over several query blocks',
    attrs: { causal: true },
    q: [1, 130, 1, 2],
    kv: [1, 130, 1, 2],
    bias: [1, 1, 1, 130],
  },
  {
    name: 'bias in full, soft cap',
    attrs: { causal: true, softCap: 0.7 },
    q: [2, 4, 2, 3],
    kv: [2, 4, 1, 3],
    bias: [2, 2, 4, 4],
  },
  {
    name: 'packed segments, window and soft cap',
    attrs: { causal: true, window: 3, softCap: 0.8 },
    q: [1, 6, 2, 2],
    kv: [1, 6, 1, 2],
    segments: i32([1, 6], [0, 0, 1, 1, 1, 2]),
  },
  { name: 'soft cap', attrs: { causal: false, softCap: 2 }, q: [1, 3, 2, 3], kv: [1, 5, 2, 3] },
  { name: 'cross, bias', attrs: { causal: false }, q: [2, 3, 4, 2], kv: [2, 5, 2, 2], bias: [1, 4, 3, 5] },
  {
    name: 'window, bias of each key',
    attrs: { causal: true, window: 3 },
    q: [1, 6, 2, 2],
    kv: [1, 6, 2, 2],
    bias: [1, 2, 1, 6],
  },
  {
    name: 'prefix, bias and soft cap',
    attrs: { causal: true, softCap: 1.5 },
    q: [2, 5, 2, 2],
    kv: [2, 5, 1, 2],
    prefix: i32([2], [3, 1]),
    bias: [1, 2, 5, 5],
  },
  { name: 'one query, many keys', attrs: { causal: false }, q: [2, 1, 4, 3], kv: [2, 9, 2, 3] },
  {
    name: 'cross, segments of keys',
    attrs: { causal: false },
    q: [2, 3, 2, 2],
    kv: [2, 4, 1, 2],
    segments: i32([2, 3], [0, 0, 1, 5, 5, 5]),
    keySegments: i32([2, 4], [0, 1, 1, 0, 5, 5, 7, 7]),
  },
];

const optional = ({ bias, keySegments, prefix }: Case): (Dense | null)[] => {
  const extras = [bias ? normal(bias, 7) : null, keySegments ?? null, prefix ?? null];
  return extras.slice(0, extras.findLastIndex((extra) => extra !== null) + 1);
};

export const attentionSamples = (): Sample<AttentionAttrs>[] =>
  cases.map((item) => ({
    name: item.name,
    attrs: { scale: 0.5, ...item.attrs },
    inputs: [normal(item.q, 1), normal(item.kv, 2), normal(item.kv, 3), item.segments ?? null, ...optional(item)],
  }));

export const attentionGradSamples = (): Sample<AttentionAttrs>[] =>
  cases.map((item) => ({
    name: item.name,
    attrs: { scale: 0.5, ...item.attrs },
    inputs: [
      normal(item.q, 1),
      normal(item.kv, 2),
      normal(item.kv, 3),
      item.segments ?? null,
      normal(item.q, 4),
      normal([item.q[0] ?? 1, item.q[2] ?? 1, item.q[1] ?? 1], 5),
      normal(item.q, 6),
      ...optional(item),
    ],
  }));
