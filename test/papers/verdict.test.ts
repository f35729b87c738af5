import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { judge, outcomeText, verdictOf } from '../../src/papers/verdict.ts';

const expectation = { figure: 'loss', arm: 'new', than: 'old', is: 'lower' } as const;
const seeds = (pairs: readonly (readonly [number, number])[]) =>
  pairs.map(([ours, theirs]) => ({ new: { loss: ours }, old: { loss: theirs } }));

test('a claim is reproduced where the interval lies on its side, not where it lies on the other, else inconclusive', () => {
  const better = judge(
    expectation,
    seeds([
      [1, 2],
      [1.1, 2],
      [1, 2.1],
    ]),
  );
  assert.equal(better.verdict, 'reproduced');
  assert.ok(better.mean > 0.9 && better.differences.every((difference) => difference > 0));
  assert.equal(
    judge(
      expectation,
      seeds([
        [2, 1],
        [2, 1.1],
        [2.1, 1],
      ]),
    ).verdict,
    'not reproduced',
  );
  assert.equal(
    judge(
      expectation,
      seeds([
        [1, 2],
        [2, 1],
        [1, 1.2],
      ]),
    ).verdict,
    'inconclusive',
  );
  assert.equal(
    judge(
      expectation,
      seeds([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    ).verdict,
    'inconclusive',
  );
  assert.throws(
    () =>
      judge(
        { ...expectation, figure: 'none' },
        seeds([
          [1, 2],
          [1, 2],
        ]),
      ),
    /Expected figure none of arm new/,
  );
});

test('a verdict needs all of its claims, and one that is contradicted decides', () => {
  const of = (...verdicts: ('reproduced' | 'not reproduced' | 'inconclusive')[]) =>
    verdictOf(verdicts.map((verdict) => ({ verdict })));
  assert.equal(of('reproduced', 'reproduced'), 'reproduced');
  assert.equal(of('reproduced', 'inconclusive'), 'inconclusive');
  assert.equal(of('reproduced', 'inconclusive', 'not reproduced'), 'not reproduced');
});

test("a spread's interval is SciPy's of the paired distances from the median", () => {
  const { cases } = JSON.parse(readFileSync(new URL('../fixtures/spread.json', import.meta.url), 'utf8')) as {
    readonly cases: readonly { readonly x: number[]; readonly y: number[]; mean: number; interval: [number, number] }[];
  };
  const verdicts = cases.map(({ x, y, mean, interval }) => {
    const pairs = x.map((value, i): [number, number] => [value, y[i] ?? Number.NaN]);
    const outcome = judge({ ...expectation, of: 'spread' }, seeds(pairs));
    assert.ok(Math.abs(outcome.mean + mean) < 1e-12);
    // Quantiles have four digits here.
    const half = (interval[1] - interval[0]) / 2;
    outcome.interval.forEach((edge, i) => assert.ok(Math.abs(edge + (interval[1 - i] ?? Number.NaN)) < 5e-4 * half));
    return outcome.verdict;
  });
  assert.deepEqual(verdicts.slice(0, 2), ['reproduced', 'reproduced']);
  assert.equal(
    outcomeText(
      judge(
        { ...expectation, of: 'spread' },
        seeds([
          [1, 2],
          [1, 5],
          [1, 2],
        ]),
      ),
      2,
    ),
    'spread of loss of new lower than of old: by 1 (95% interval -3.3 to 5.3): inconclusive; seen from 4.3 on',
  );
});

test('an outcome says from where on it sees a difference, and what there was to gain: to a number or to an arm', () => {
  const figures = [
    { new: { loss: 1 }, old: { loss: 3 }, best: { loss: 0.5 } },
    { new: { loss: 2 }, old: { loss: 3 }, best: { loss: 1.5 } },
  ];
  const of = (limit: number | string) => judge({ ...expectation, limit }, figures);
  assert.equal(of(0).room, 3);
  assert.equal(of('best').room, 2);
  assert.equal(judge({ ...expectation, is: 'higher', limit: 4 }, figures).room, 1);
  // Of 3 and 3 there is no spread to lose.
  assert.equal(Math.abs(judge({ ...expectation, of: 'spread', limit: 0 }, figures).room ?? 1), 0);
  assert.match(outcomeText(of(4), 3), /, nothing to gain$/);
  assert.match(outcomeText(of('best'), 3), /: inconclusive; seen from 6.35 on, 2 to gain$/);
  assert.match(outcomeText(judge({ ...expectation, than: 'new' }, figures), 3), /; the same on every seed$/);
  assert.throws(() => of('none'), /Expected figure loss of arm none/);
});
