import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { exampleCalls, longExamples } from '../../tools/examples.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-examples-'));
after(() => rmSync(folder, { recursive: true }));
const calls = exampleCalls(folder);

test('every example is run here, and is short', () => {
  const names = readdirSync(join(root, 'examples')).filter(
    (name) => name.endsWith('.ts') && !longExamples.includes(name),
  );
  assert.deepEqual(names.toSorted(), calls.map(({ name }) => name).toSorted());
  for (const name of names) {
    const lines = readFileSync(join(root, 'examples', name), 'utf8').split('\n').length;
    assert.ok(lines < 60, `${name} has ${lines} lines`);
  }
});

for (const { name, args, prints } of calls) {
  test(`examples/${name} runs on a tiny model`, () => {
    const words = ['-C', 'tuneloop-source', join(root, 'examples', name), ...args];
    // Compiled once for all of them.
    const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') };
    const out = execFileSync(process.execPath, words, { cwd: folder, encoding: 'utf8', env });
    for (const pattern of prints) assert.match(out, pattern);
  });
}
