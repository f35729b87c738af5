import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, hint, nearest } from '../../src/loop/nearest.ts';

test('edits are counted: insert, delete, replace, swap', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('modle', 'model'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('same', 'same'), 0);
});

test('the nearest name is found past spelling, seam and typing errors, and none where none is near', () => {
  const names = ['learning-rate', 'batch-size', 'lora-r', 'optimizer.learningRate', 'train.seed'];
  assert.equal(nearest('learning_rate', names), 'learning-rate');
  assert.equal(nearest('bach-size', names), 'batch-size');
  assert.equal(nearest('lora-rank', names), 'lora-r');
  assert.equal(nearest('data.seed', names), 'train.seed');
  assert.equal(nearest('colour', names), undefined);
  assert.equal(
    hint('bach-size', names, (name) => `--${name}`),
    ' Did you mean --batch-size?',
  );
  assert.equal(hint('-', names), '');
});
