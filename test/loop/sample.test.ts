import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  greedySampling,
  penalise,
  sampleToken,
  type SamplingOptions,
  tokenLaw,
  topLogprobs,
} from '../../src/loop/sample.ts';
import { readFixture } from '../parity.ts';

const logits = Float32Array.of(1, -0.5, 2.2, 0, 2, -1.5, -Infinity, 1.9);
const options = (changes: Partial<SamplingOptions> = {}): SamplingOptions => ({
  ...greedySampling,
  temperature: 1,
  seed: 11,
  ...changes,
});

/** Softmax of logits / temperature over the tokens in `kept`. */
function law(temperature: number, kept: readonly number[]): number[] {
  const weights = Array.from(logits, (logit, token) => (kept.includes(token) ? Math.exp(logit / temperature) : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

const keyOf = (prompt: number, position: number) => ({ prompt, position, sample: 0 });
const draws = 20_000;

/** Pearson's χ² against a law; tokens of probability 0 must never come. */
function chiSquare(sampling: SamplingOptions, expected: readonly number[]): number {
  const counts = new Float64Array(logits.length);
  for (let i = 0; i < draws; i++) {
    const token = sampleToken(logits, sampling, keyOf(i % 40, Math.floor(i / 40))).id;
    counts[token] = (counts[token] ?? 0) + 1;
  }
  return expected.reduce((sum, p, token) => {
    const count = counts[token] ?? 0;
    if (p === 0) {
      assert.equal(count, 0, `token ${token} came ${count} times`);
      return sum;
    }
    return sum + (count - draws * p) ** 2 / (draws * p);
  }, 0);
}

const all = [0, 1, 2, 3, 4, 5, 7];
/** Quantiles of χ² at 1 - 1e-4 by degrees of freedom. */
const quantile: Readonly<Record<number, number>> = { 1: 15.1, 2: 18.4, 3: 21.1, 6: 27.9 };

const cases: readonly {
  name: string;
  changes: Partial<SamplingOptions>;
  temperature: number;
  kept: readonly number[];
}[] = [
  { name: 'temperature 1', changes: {}, temperature: 1, kept: all },
  { name: 'temperature 0.5', changes: { temperature: 0.5 }, temperature: 0.5, kept: all },
  { name: 'temperature 2', changes: { temperature: 2 }, temperature: 2, kept: all },
  { name: 'top-k 3', changes: { topK: 3 }, temperature: 1, kept: [2, 4, 7] },
  { name: 'top-k beyond the vocabulary', changes: { topK: 100 }, temperature: 1, kept: all },
  // The three largest hold 0.33 + 0.27 + 0.24; 0.6 is reached by the third, the fourth reaches 0.9.
  { name: 'top-p 0.6', changes: { topP: 0.62 }, temperature: 1, kept: [2, 4, 7] },
  { name: 'top-p 0.9', changes: { topP: 0.9 }, temperature: 1, kept: [0, 2, 4, 7] },
  { name: 'top-p 0.55 of the two that top-k leaves', changes: { topK: 2, topP: 0.56 }, temperature: 1, kept: [2, 4] },
];

for (const { name, changes, temperature, kept } of cases) {
  test(`${name}: ${draws} draws follow the softmax over what is kept`, () => {
    const found = chiSquare(options(changes), law(temperature, kept));
    const limit = quantile[kept.length - 1] ?? assert.fail('no quantile');
    assert.ok(found < limit, `χ² ${found} with ${kept.length - 1} degrees of freedom`);
  });
}

test('top-k 1, a tiny top-p and a tiny temperature are greedy; of equal logits the first wins', () => {
  for (const changes of [{ topK: 1 }, { topP: 1e-9 }, { temperature: 1e-6 }]) {
    for (let i = 0; i < 50; i++) assert.equal(sampleToken(logits, options(changes), keyOf(i, i)).id, 2);
  }
  assert.equal(sampleToken(Float32Array.of(0, 3, 3, 1), options({ topK: 1 }), keyOf(0, 0)).id, 1);
});

test('a draw depends on seed, prompt and position alone', () => {
  const draw = (seed: number, prompt: number, position: number, sample = 0) =>
    sampleToken(logits, options({ seed }), { ...keyOf(prompt, position), sample }).id;
  const row = (of: (i: number) => number) => Array.from({ length: 100 }, (_, i) => of(i));
  assert.deepEqual(
    row((i) => draw(1, 2, i)),
    row((i) => draw(1, 2, i)),
  );
  assert.notDeepEqual(
    row((i) => draw(1, 2, i)),
    row((i) => draw(2, 2, i)),
  );
  assert.notDeepEqual(
    row((i) => draw(1, 2, i)),
    row((i) => draw(1, 3, i)),
  );
  assert.notDeepEqual(
    row((i) => draw(1, 2, i)),
    row((i) => draw(1, i, 2)),
  );
  assert.notDeepEqual(
    row((i) => draw(1, 2, i)),
    row((i) => draw(1, 2, i, 1)),
  );
});

interface Case {
  readonly name: string;
  readonly options: Partial<SamplingOptions>;
  readonly probabilities: readonly number[];
}

const fixture = readFixture('sampling.json') as { logits: number[]; seen: number[]; cases: Case[] };

for (const { name, options: changes, probabilities } of fixture.cases) {
  test(`${name}: the law is that of transformers' processors`, () => {
    const row = Float32Array.from(fixture.logits);
    const sampling = options(changes);
    penalise(row, fixture.seen, sampling.repetitionPenalty);
    const { ids, probabilities: found } = tokenLaw(row, sampling);
    const whole = new Float64Array(row.length);
    ids.forEach((id, i) => (whole[id] = found[i] ?? 0));
    probabilities.forEach((p, id) =>
      assert.ok(Math.abs((whole[id] ?? 0) - p) < 1e-6, `token ${id}: ${whole[id]} not ${p}`),
    );
  });
}

test('log-probabilities of the most likely tokens, in their order', () => {
  const top = topLogprobs(logits, 3);
  assert.deepEqual(
    top.map(({ id }) => id),
    [2, 4, 7],
  );
  const weights = law(1, all);
  for (const { id, logprob } of top) assert.ok(Math.abs(Math.exp(logprob) - (weights[id] ?? 0)) < 1e-7);
  assert.deepEqual(topLogprobs(logits, 0), []);
});
