// Runs the test files named on the command line, or all of test/; the last line printed is `N passed, N failed, N skipped`.
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { buildNativeLibrary } from '../src/runtime/node/native-clone.ts';
import { createSummary } from './summary.ts';

const named = process.argv.slice(2);
const files = (named.length > 0 ? named.flatMap(expand) : globSync('test/**/*.test.ts'))
  .toSorted()
  .map((file) => resolve(file));
const summary = createSummary((line) => process.stdout.write(`${line}\n`), process.cwd());

// What runs keep for later ones goes away with the tests.
const cache = mkdtempSync(join(tmpdir(), 'tuneloop-cache-'));
process.env['TUNELOOP_CACHE'] = cache;

// One build of the native engine for all tests, with what only checks need.
if (named.length === 0)
  await buildNativeLibrary(resolve(import.meta.dirname, '..'), { withModels: true, say: console.log }).catch(
    (error: unknown) => console.log(String(error)),
  );

if (files.length > 0) {
  const events: AsyncIterable<TestEvent> = run({ files, concurrency: availableParallelism(), timeout: 900_000 });
  for await (const event of events) summary.take(event);
}
rmSync(cache, { recursive: true, force: true });
process.exitCode = summary.end() ? 0 : 1;

function expand(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })) throw new Error(`No test file or folder ${relative('.', path)}.`);
  return statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`) : [path];
}
