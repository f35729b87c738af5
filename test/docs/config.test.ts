import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { configFields } from '../../src/loop/configFields.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { configPage } from '../../tools/config-docs.ts';

const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');

test('docs/config.md is what the schema says; node tools/config-docs.ts writes it', () => {
  assert.equal(page, configPage());
  for (const { path } of configFields) assert.ok(page.includes(`| \`${path}\``), path);
});

test('the configs that the page shows are the same one, and right', async () => {
  const [, typed = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? [];
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const source = typed.replace("import { defineConfig } from 'tuneloop';", 'const defineConfig = (config) => config;');
  const shown = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { default: unknown };
  assert.deepEqual(parseConfig(shown.default), parseConfig(parse(yaml)));
});
