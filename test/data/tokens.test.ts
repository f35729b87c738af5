import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowFields } from '../../src/data/reader.ts';
import { tokens } from '../../src/data/tokens.ts';

const read = (fields: RowFields) => tokens.read({ index: 0, place: 'd.jsonl, line 1', fields });

test('token ids with what is learned', () => {
  const ids = [5, 6, 7];
  assert.deepEqual(read({ input_ids: ids }), { kind: 'tokens', ids });
  assert.deepEqual(read({ input_ids: ids, labels: [-100, 6, 7], attention_mask: [1, 1, 1] }), {
    kind: 'tokens',
    ids,
    mask: [0, 1, 1],
  });
  assert.deepEqual(read({ input_ids: ids, assistant_masks: [0, 1, 0], completion_mask: [0, 0, 1] }), {
    kind: 'tokens',
    ids,
    mask: [0, 1, 0],
    completionMask: [0, 0, 1],
  });
});

test('what cannot be meant is refused by field and place', () => {
  const wrong: [RowFields, RegExp][] = [
    [{ input_ids: [] }, /input_ids: expected at least one token id/],
    [{ input_ids: 'x' }, /input_ids: expected a list of numbers but found "x"/],
    [{ input_ids: [1, 2.5] }, /input_ids\[1\]: expected a token id but found 2\.5/],
    [{ input_ids: [1, -1] }, /input_ids\[1\]: expected a token id but found -1/],
    [{ input_ids: [1, 2], labels: [1] }, /labels: expected 2 numbers as in input_ids but found 1/],
    [{ input_ids: [1, 2], labels: [2, -100] }, /labels\[0\]: expected -100 or the token id itself, 1, but found 2/],
    [{ input_ids: [1, 2], completion_mask: [0, 2] }, /completion_mask\[1\]: expected 0 or 1 but found 2/],
    [{ input_ids: [1, 2], attention_mask: [1, 0] }, /attention_mask: expected rows without padding/],
    [{ input_ids: [1, 2], seq_lengths: [1, 1] }, /seq_lengths: packed rows are not read/],
  ];
  for (const [fields, message] of wrong) assert.throws(() => read(fields), message);
});
