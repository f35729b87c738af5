import { f32, i32, normal } from '../dense.ts';
import type { Sample } from '../op.ts';
import type { Dense } from '../types.ts';
import type { Statistic, VocabularyAttrs, VocabularyGradAttrs } from './vocabulary.ts';

const plain = { k: 0, temperature: 1, scale: 1, referenceScale: 1 } as const;

const uniforms = (count: number): Dense =>
  f32(
    [count],
    Array.from({ length: count }, (_, i) => ((i * 0.618034) % 1) * 0.998 + 0.001),
  );

const targets = (rows: number, vocabulary: number): Dense =>
  i32(
    [rows],
    Array.from({ length: rows }, (_, i) => (i * 3) % vocabulary),
  );

/** Operands of every statistic, the reference of another width. */
function operands(rows: number, vocabulary: number, seed: number, withBias = false): (Dense | null)[] {
  return [
    normal([rows, 4], seed),
    normal([vocabulary, 4], seed + 1),
    targets(rows, vocabulary),
    withBias ? normal([vocabulary], seed + 2) : null,
    uniforms(rows),
    normal([rows, 3], seed + 3),
    normal([vocabulary, 3], seed + 4),
    withBias ? normal([vocabulary], seed + 5) : null,
  ];
}

const every: readonly Statistic[] = ['logprobs', 'meanLogprobs', 'entropy', 'klToReference', 'klFromReference'];
const shaped = { scale: 0.7, softCap: 2, temperature: 1.3, referenceScale: 1.2, referenceSoftCap: 3, k: 0 } as const;
const large: readonly (Dense | null)[] = [
  f32([2, 2], [300, 0, 0, 0]),
  f32([3, 2], [1, 0, 0, 0, -1, 0]),
  i32([2], [1, 2]),
  null,
  f32([2], [0, 0.5]),
  f32([2, 1], [0, 90]),
  f32([3, 1], [1, 0, -1]),
];
const beyond = 'magnitudes beyond central differences';

export function vocabularySamples(): Sample<VocabularyAttrs>[] {
  // The generic tests take the gradient of the first output: each statistic comes first once.
  const alone = every.flatMap((statistic): Sample<VocabularyAttrs>[] => [
    { name: statistic, attrs: { ...plain, statistics: [statistic] }, inputs: operands(3, 7, 1) },
    {
      name: `${statistic}, more rows than a chunk`,
      attrs: { ...plain, statistics: [statistic] },
      inputs: operands(300, 5, 10),
    },
    {
      name: `${statistic}, bias, scale, soft cap and temperature`,
      attrs: { ...shaped, statistics: [statistic] },
      inputs: operands(3, 7, 20, true),
    },
  ]);
  return [
    ...alone,
    {
      name: 'everything at once, more rows than a chunk',
      attrs: {
        ...plain,
        statistics: ['samples', 'entropy', 'topK', 'meanLogprobs', 'logprobs', 'klFromReference', 'klToReference'],
        k: 3,
      },
      inputs: operands(300, 9, 30),
      skipGradient: 'samples have none',
    },
    {
      name: 'topK and samples of a large vocabulary, shaped',
      attrs: { ...shaped, statistics: ['topK', 'samples'], k: 5 },
      inputs: operands(6, 700, 40, true),
      skipGradient: 'topK has none here',
    },
    {
      name: 'large logits and ties',
      attrs: { ...plain, statistics: ['logprobs', 'meanLogprobs', 'entropy', 'klToReference', 'samples'] },
      inputs: large,
      skipGradient: beyond,
    },
  ];
}

export function vocabularyGradSamples(): Sample<VocabularyGradAttrs>[] {
  const cotangents = (rows: number, count: number): Dense[] =>
    Array.from({ length: count }, (_, i) => normal([rows], 60 + i));
  const alone = every.map((statistic): Sample<VocabularyGradAttrs> => ({
    name: statistic,
    attrs: { ...plain, statistics: [statistic], wrt: [1] },
    inputs: [...operands(3, 7, 1), ...cotangents(3, 1)],
  }));
  return [
    ...alone,
    {
      name: 'every operand, more rows than a chunk, shaped',
      attrs: { ...shaped, statistics: every, wrt: [1, 3, 5, 6, 7] },
      inputs: [...operands(300, 5, 50, true), ...cotangents(300, every.length)],
    },
  ];
}
