import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collate } from '../../src/data/batches.ts';
import { labelledText, labelTargets, problemTypeOf } from '../../src/data/labelled.ts';

const labels = ['bad', 'good', 'neither'];

test('one of the labels is an id or a name', () => {
  for (const label of [1, 'good'])
    assert.deepEqual([...labelTargets('single_label_classification', labels, label)], [0, 1, 0]);
  for (const label of [3, -1, 0.5, 'fine', null, [1], undefined]) {
    assert.throws(
      () => labelTargets('single_label_classification', labels, label),
      /label: expected one of bad, good, neither/,
    );
  }
});

test('each label by itself is a list of numbers or of names', () => {
  assert.deepEqual([...labelTargets('multi_label_classification', labels, [1, 0, 1])], [1, 0, 1]);
  assert.deepEqual([...labelTargets('multi_label_classification', labels, ['neither', 'bad'])], [1, 0, 1]);
  assert.throws(
    () => labelTargets('multi_label_classification', labels, [1, 0]),
    /expected 3 numbers but found \[1,0\]/,
  );
  assert.throws(() => labelTargets('multi_label_classification', labels, [1, 0, 2]), /numbers from 0 to 1/);
});

test('numbers are as many as the labels', () => {
  assert.deepEqual([...labelTargets('regression', ['score'], 2.5)], [2.5]);
  assert.deepEqual([...labelTargets('regression', ['score'], [2.5])], [2.5]);
  assert.throws(() => labelTargets('regression', ['score'], 'high'), /label: expected a number but found "high"/);
});

test('without a problem type the number of labels and the data decide, as in transformers', () => {
  assert.equal(problemTypeOf({ labels: ['score'], problemType: null }, 1), 'regression');
  assert.equal(problemTypeOf({ labels, problemType: null }, 1), 'single_label_classification');
  assert.equal(problemTypeOf({ labels, problemType: null }, [0, 1, 0]), 'multi_label_classification');
  assert.equal(problemTypeOf({ labels, problemType: 'regression' }, [0, 1, 0]), 'regression');
});

test('a batch of labelled examples counts examples and keeps targets and token types', () => {
  const tokenizer = {
    encodePair: (text: string) => ({
      ids: Array.from(text, Number),
      tokenTypes: Array.from(text, (_, t) => t % 2),
      truncated: false,
    }),
  };
  const rows = ['123', '45'].map((text, index) => {
    const { example } = labelledText(index, { kind: 'labelled', text, label: index }, tokenizer, 9);
    return [{ ...example, label: labelTargets('single_label_classification', labels, index) }];
  });
  const batch = collate(rows, 4, 0);
  assert.equal(batch.supervisedTokens, 2);
  assert.deepEqual([...(batch.classified?.labels ?? [])], [1, 0, 0, 0, 1, 0]);
  assert.deepEqual([...(batch.classified?.tokenTypes ?? [])], [0, 1, 0, 0, 0, 1, 0, 0]);
});
