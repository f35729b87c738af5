import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomFacts } from '../../src/papers/facts.ts';
import { inChatAfter, type Question } from '../../src/papers/lab.ts';
import { mixedWordLabels, mixedWords } from '../../src/papers/mixedWords.ts';
import { makeReversals } from '../../src/papers/reversals.ts';
import { makeSums } from '../../src/papers/sums.ts';

test('sums are worked out two numbers at a time and asked once', () => {
  const options = { train: 100, held: 50, terms: 3, limit: 7, seed: 3 };
  const { train, held } = makeSums(options);
  assert.deepEqual(makeSums(options), { train, held });
  assert.equal(new Set([...train, ...held].map(({ prompt }) => prompt)).size, 150);
  for (const { prompt, completion } of [...train, ...held]) {
    const terms = (prompt.match(/\d+/g) ?? []).map(Number);
    const steps = completion.split('. ').map((step) => (step.match(/\d+/g) ?? []).map(Number));
    let total = terms[0];
    assert.equal(steps.length, 2);
    steps.forEach(([before, added, after], i) => {
      assert.deepEqual([before, added], [total, terms[i + 1]]);
      assert.equal(after, (before ?? 0) + (added ?? 0));
      total = after;
    });
  }
  assert.throws(() => makeSums({ ...options, limit: 3 }), /Expected 150 different sums of 3 numbers below 3 but found/);
});

test('sums are answered wrong at one step where they should be, and go on from there', () => {
  const options = { train: 400, held: 100, terms: 3, limit: 20, seed: 3 };
  const right = makeSums(options);
  const { train, held } = makeSums({ ...options, corrupted: 0.15 });
  assert.deepEqual(held, right.held);
  const wrong = train.filter(({ completion }, i) => completion !== right.train[i]?.completion);
  // Four standard deviations of 400 draws of 0.15.
  assert.ok(Math.abs(wrong.length - 60) < 29, `${wrong.length}`);
  for (const { completion } of wrong) {
    const [[a = 0, b = 0, ab = 0] = [], [from, c = 0, sum = 0] = []] = completion
      .split('. ')
      .map((step) => (step.match(/\d+/g) ?? []).map(Number));
    assert.equal(from, ab);
    const off = [ab - a - b, sum - ab - c];
    assert.ok(off.includes(0) && off.some((by) => by >= 1 && by <= 9), completion);
  }
});

test('a question stands in a chat after others that are answered', () => {
  const [shown, question] = [
    { prompt: '1 + 1?', completion: '2' },
    { prompt: '1 + 2?', completion: '3' },
  ];
  assert.deepEqual(inChatAfter([shown])(question), {
    prompt: [
      { role: 'user', content: '1 + 1?' },
      { role: 'assistant', content: '2' },
      { role: 'user', content: '1 + 2?' },
    ],
    completion: [{ role: 'assistant', content: '3' }],
  });
});

test('words are asked backwards once, and answered wrong where they should be', () => {
  const options = { train: 400, held: 100, count: 3, corrupted: 0.15, seed: 3 };
  const { train, held } = makeReversals(options);
  assert.deepEqual(makeReversals(options), { train, held });
  assert.equal(new Set([...train, ...held].map(({ prompt }) => prompt)).size, 500);
  const wordsOf = ({ prompt }: Question): string[] => prompt.replace('Say it backwards: ', '').split(' ');
  const isWrong = (question: Question): boolean => question.completion !== wordsOf(question).toReversed().join(' ');
  assert.ok(!held.some(isWrong));
  const wrong = train.filter(isWrong);
  // Four standard deviations of 400 draws of 0.15.
  assert.ok(Math.abs(wrong.length - 60) < 29, `${wrong.length}`);
  for (const question of wrong)
    assert.deepEqual(question.completion.split(' ').toSorted(), wordsOf(question).toSorted(), 'the same words');
});

test('random facts are the same for a seed and others for another', () => {
  assert.deepEqual(randomFacts(20, 1), randomFacts(20, 1));
  assert.notDeepEqual(randomFacts(20, 1), randomFacts(20, 2));
  assert.equal(new Set(randomFacts(60, 1).map(({ prompt }) => prompt)).size, 60);
  const long = randomFacts(5, 1, 40);
  assert.ok(long.every(({ completion }) => /^( [a-z]+){40}$/.test(completion)));
  assert.equal(new Set(long.map(({ completion }) => completion)).size, 5);
});

test('of mixed words half hold one animal, which stands anywhere, and the others none', () => {
  const rows = mixedWords(200, 5, 3);
  assert.deepEqual(mixedWords(200, 5, 3), rows);
  assert.notDeepEqual(mixedWords(200, 5, 4), rows);
  const plain = new Set(rows.flatMap(({ text, label }) => (label === 'none' ? text.split(' ') : [])));
  const places = new Set<number>();
  for (const { text, label } of rows) {
    const words = text.split(' ');
    const animals = words.filter((word) => !plain.has(word));
    assert.equal(words.length, 5);
    assert.equal(animals.length, label === 'animal' ? 1 : 0, text);
    animals.forEach((animal) => places.add(words.indexOf(animal)));
  }
  assert.deepEqual(
    mixedWordLabels.map((name) => rows.filter(({ label }) => label === name).length),
    [100, 100],
  );
  assert.equal(places.size, 5);
});
