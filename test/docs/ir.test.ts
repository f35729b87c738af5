import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);

test('the snippets of docs/ir.md run in order', async () => {
  const page = readFileSync(new URL('docs/ir.md', root), 'utf8');
  const snippets = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
  assert.ok(snippets.length >= 8, `${snippets.length} snippets`);
  const code = ["import assert from 'node:assert/strict';", ...snippets]
    .join('\n')
    .replaceAll("from 'tuneloop/node'", `from ${JSON.stringify(new URL('src/node.ts', root).href)}`)
    .replaceAll("from 'tuneloop'", `from ${JSON.stringify(new URL('src/index.ts', root).href)}`);
  const file = new URL(`docs-ir-${process.pid}.ts`, import.meta.url);
  writeFileSync(file, code);
  try {
    await import(file.href);
  } finally {
    rmSync(file);
  }
});
