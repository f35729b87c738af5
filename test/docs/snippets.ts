import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { SiteEntry } from '../../tools/web/server.ts';
import { browserWorkers } from '../../tools/web/workers.ts';

const root = new URL('../../', import.meta.url);

/** The snippets of a page of docs/ in order, as one module; fails where there are fewer than `least`. */
function moduleOf(page: string, least: number): string {
  const text = readFileSync(new URL(`docs/${page}.md`, root), 'utf8');
  const snippets = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
  assert.ok(snippets.length >= least, `${snippets.length} snippets`);
  return snippets.join('\n');
}

/** Writes the snippets of a page as a program, and runs it in order. `path` is below the root. */
async function asProgram<A>(page: string, code: string, run: (path: string) => Promise<A>): Promise<A> {
  const path = `test/docs/docs-${page}-${process.pid}.ts`;
  writeFileSync(new URL(path, root), code);
  try {
    return await run(path);
  } finally {
    rmSync(new URL(path, root));
  }
}

/** Runs the snippets of a page of docs/ in order, as one program; fails where there are fewer than `least`. */
export async function runSnippets(page: string, least: number): Promise<void> {
  const code = `import assert from 'node:assert/strict';\n${moduleOf(page, least)}`
    .replaceAll("from 'tuneloop/node'", `from ${JSON.stringify(new URL('src/node.ts', root).href)}`)
    .replaceAll("from 'tuneloop'", `from ${JSON.stringify(new URL('src/index.ts', root).href)}`);
  await asProgram(page, code, (path) => import(new URL(path, root).href));
}

/** The same in a browser's worker, beside files of a site; returns what it posts as its answer. */
export function runSnippetsInWorker(
  page: string,
  least: number,
  files: Readonly<Record<string, SiteEntry>>,
): Promise<unknown> {
  return asProgram(page, moduleOf(page, least), async (path) => {
    const workers = browserWorkers(path, { files });
    try {
      return await workers.ask({});
    } finally {
      await workers.close();
    }
  });
}
