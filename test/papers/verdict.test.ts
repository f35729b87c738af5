import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, verdictOf } from '../../src/papers/verdict.ts';

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
