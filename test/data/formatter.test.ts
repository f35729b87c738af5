import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { formattedRows } from '../../src/data/formatter.ts';
import type { Row } from '../../src/data/reader.ts';
import { loadFunction } from '../../src/hub/files-module.ts';

const root = await mkdtemp(join(tmpdir(), 'tuneloop-formatter-'));
after(() => rm(root, { recursive: true }));

async function* rows(): AsyncGenerator<Row> {
  for (const index of [0, 1, 2]) yield { index, place: `d.jsonl, line ${index + 1}`, fields: { n: index } };
}

async function formatted(name: string, source: string): Promise<Row[]> {
  const path = join(root, name);
  await writeFile(path, source);
  const made: Row[] = [];
  for await (const row of formattedRows(rows(), await loadFunction(path, 'formatter'))) made.push(row);
  return made;
}

test('a row becomes an example, several or none; async and default exports are fine', async () => {
  const made = await formatted(
    'a.mjs',
    'export const formatter = async ({ n }, { index, place }) => (n === 0 ? null : n === 1 ? { text: place } : [{ text: "x" }, { text: String(index) }]);',
  );
  assert.deepEqual(made, [
    { index: 1, place: 'd.jsonl, line 2', fields: { text: 'd.jsonl, line 2' } },
    { index: 2, place: 'd.jsonl, line 3', fields: { text: 'x' } },
    { index: 2, place: 'd.jsonl, line 3', fields: { text: '2' } },
  ]);
  assert.equal((await formatted('b.mjs', 'export default (row) => row')).length, 3);
});

test('errors name the module and the row', async () => {
  await assert.rejects(
    formatted('c.mjs', 'export const formatter = (row) => row.a.b'),
    /c\.mjs, at d\.jsonl, line 1: Cannot read/,
  );
  await assert.rejects(
    formatted('d.mjs', 'export const formatter = () => "text"'),
    /d\.mjs, at d\.jsonl, line 1: expected an object with an example's fields, .* but found string/,
  );
  await assert.rejects(
    formatted('e.mjs', 'export const other = 1'),
    /e\.mjs: expected a function exported as formatter or by default but found other/,
  );
  await assert.rejects(formatted('f.mjs', 'export const = '), /f\.mjs: the module cannot be loaded/);
  await assert.rejects(loadFunction(join(root, 'none.mjs'), 'formatter'), /Cannot read .*none\.mjs: it does not exist/);
});
