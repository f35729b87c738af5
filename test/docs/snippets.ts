import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

/** Runs the snippets of a page of docs/ in order, as one program; fails where there are fewer than `least`. */
export async function runSnippets(page: string, least: number): Promise<void> {
  const text = readFileSync(new URL(`docs/${page}.md`, root), 'utf8');
  const snippets = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
  assert.ok(snippets.length >= least, `${snippets.length} snippets`);
  const code = ["import assert from 'node:assert/strict';", ...snippets]
    .join('\n')
    .replaceAll("from 'tuneloop/node'", `from ${JSON.stringify(new URL('src/node.ts', root).href)}`)
    .replaceAll("from 'tuneloop'", `from ${JSON.stringify(new URL('src/index.ts', root).href)}`);
  const file = new URL(`docs-${page}-${process.pid}.ts`, import.meta.url);
  writeFileSync(file, code);
  try {
    await import(file.href);
  } finally {
    rmSync(file);
  }
}
