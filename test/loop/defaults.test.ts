import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { configFields } from '../../src/loop/configFields.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { defaultsPage } from '../../tools/defaults.ts';

test('docs/defaults.md is what the schema says; node tools/defaults.ts writes it', () => {
  assert.equal(readFileSync(new URL('../../docs/defaults.md', import.meta.url), 'utf8'), defaultsPage());
});

test('every field is described, and its default is what an empty config gets', () => {
  const least = { model: { path: 'm' }, data: { path: 'd' } };
  const graded = { reward: { path: 'exactMatch' } };
  const besides: Readonly<Record<string, object>> = {
    grpo: graded,
    es: graded,
    reward: { ...graded, optimizer: { type: 'es' } },
  };
  const typesOf = (seam: string): readonly string[] => {
    const kind = configFields.find(({ path }) => path === `${seam}.type`)?.kind;
    return kind?.type === 'choice' ? kind.values : [];
  };
  for (const { path, description, default: value, required } of configFields) {
    assert.notEqual(description, '', path);
    const seam = path.split('.')[0] ?? '';
    // Of a seam with types, some have the field.
    const configs = [{}, ...typesOf(seam).map((type) => ({ [seam]: { type }, ...besides[type] }))].map((more) =>
      parseConfig({ ...least, ...more }),
    );
    const found = configs.map((config) =>
      path.split('.').reduce((held: unknown, key) => (held as Record<string, unknown>)[key], config),
    );
    if (!required)
      assert.ok(
        found.some((each) => isDeepStrictEqual(each, value)),
        path,
      );
  }
  assert.deepEqual(
    configFields.filter(({ required }) => required).map(({ path }) => path),
    ['model.path', 'data.path'],
  );
});
