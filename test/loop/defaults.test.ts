import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configFields } from '../../src/loop/configFields.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { defaultsPage } from '../../tools/defaults.ts';

test('docs/defaults.md is what the schema says; node tools/defaults.ts writes it', () => {
  assert.equal(readFileSync(new URL('../../docs/defaults.md', import.meta.url), 'utf8'), defaultsPage());
});

test('every field is described, and its default is what an empty config gets', () => {
  const config = parseConfig({ model: { path: 'm' }, data: { path: 'd' } });
  for (const { path, description, default: value, required } of configFields) {
    assert.notEqual(description, '', path);
    const found = path.split('.').reduce((held: unknown, key) => (held as Record<string, unknown>)[key], config);
    if (!required) assert.deepEqual(found, value, path);
  }
  assert.deepEqual(
    configFields.filter(({ required }) => required).map(({ path }) => path),
    ['model.path', 'data.path'],
  );
});
