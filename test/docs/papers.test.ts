import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { papersPage } from '../../tools/papers-docs.ts';

test('docs/papers.md is what the recipes and their results say; node tools/papers-docs.ts writes it', () => {
  assert.equal(readFileSync(new URL('../../docs/papers.md', import.meta.url), 'utf8'), papersPage());
});
