import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertUnchanged } from '../../src/loop/fingerprints.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';

const config = parseConfig({ model: { path: 'base' }, data: { path: 'train.jsonl' } }, (path) => path);
const started = { model: 'a', data: 'b' };

test('a resumed run that reads what it was started with goes on', () => {
  assertUnchanged({ ...started }, started, config);
});

test('changed data and a changed model are refused by name', () => {
  assert.throws(() => assertUnchanged({ ...started, data: 'c' }, started, config), /train\.jsonl: the data is not/);
  assert.throws(() => assertUnchanged({ ...started, model: 'c' }, started, config), /base: the model is not/);
});
