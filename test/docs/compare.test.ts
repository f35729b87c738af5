import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type MethodConfig, withMethod } from '../../src/loop/compare/methods.ts';
import { readConfigFile } from '../../src/loop/configFile.ts';

test('the config that docs/compare.md shows is one', async () => {
  const page = readFileSync(new URL('../../docs/compare.md', import.meta.url), 'utf8');
  const [, snippet = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'tuneloop-docs-'));
  try {
    writeFileSync(join(folder, 'compare.ts'), snippet);
    const { methods, seeds, ...common } = await readConfigFile(join(folder, 'compare.ts'));
    const configs = Object.values(methods as Record<string, MethodConfig>).map((method) =>
      withMethod(common, { ...method }, (path) => path),
    );
    assert.deepEqual(
      configs.map(({ adapter }) => ('r' in adapter ? adapter.r : adapter.type)),
      [16, 64, 'none'],
    );
    assert.equal(seeds, 3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
