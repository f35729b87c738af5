import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abilities } from '../../src/probes/abilities.ts';
import { generalTexts, ownBeginnings, ownQuestions } from '../../src/probes/generalTexts.ts';

test('the suite asks each question once, as many of each ability, with two answers that differ', () => {
  const names = new Set(abilities.map(({ ability }) => ability));
  for (const name of names) assert.equal(abilities.filter(({ ability }) => ability === name).length, 8, name);
  assert.equal(new Set(abilities.map(({ question, right }) => `${question} ${right}`)).size, abilities.length);
  for (const { question, right, wrong } of abilities) assert.notEqual(right, wrong, question);
  const sums = abilities.filter(({ ability }) => ability === 'sums');
  for (const { right } of sums) {
    const [, a, b, c] = /^(\d+) \+ (\d+) = (\d+)\.$/.exec(right) ?? [];
    assert.equal(Number(a) + Number(b), Number(c));
  }
});

test('texts come in whole batches', () => {
  for (const texts of [abilities, generalTexts, ownBeginnings, ownQuestions]) assert.equal(texts.length % 8, 0);
  assert.equal(new Set(generalTexts).size, generalTexts.length);
});
