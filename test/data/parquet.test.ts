import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import type { ByteFile } from '../../src/hub/byte-file.ts';
import { openFile } from '../../src/hub/files.ts';
import { parquetRows } from '../../src/data/parquet.ts';
import { readRows, type RowFields } from '../../src/data/reader.ts';
import { jsonLines } from '../jsonLines.ts';

const folder = fileURLToPath(new URL('../fixtures/parquet/', import.meta.url));
const expected = jsonLines<RowFields>(`${folder}rows.jsonl`);

/** A file in memory, with counts of what is read at once. */
function fileOf(bytes: Uint8Array, name = 'a.parquet'): ByteFile & { largest: () => number } {
  let largest = 0;
  return {
    name,
    size: bytes.length,
    async readAt(position, into) {
      largest = Math.max(largest, into.length);
      if (position + into.length > bytes.length) throw new RangeError('past the end');
      into.set(bytes.subarray(position, position + into.length));
    },
    close: async () => {},
    largest: () => largest,
  };
}

async function rowsOf(file: ByteFile): Promise<RowFields[]> {
  const rows: RowFields[] = [];
  for await (const { fields } of parquetRows(file)) rows.push(fields);
  return rows;
}

for (const name of readdirSync(folder).filter((each) => each.endsWith('.parquet'))) {
  test(`${name} has the rows that pyarrow wrote`, async () => {
    const file = await openFile(folder + name);
    assert.deepEqual(await rowsOf(file), expected);
    await file.close();
  });
}

test('rows know their place', async () => {
  const path = `${folder}snappy.parquet`;
  const source = { name: 'x.parquet', open: () => assert.fail('read from its start'), openFile: () => openFile(path) };
  const places: string[] = [];
  for await (const { place, index } of readRows(source)) places.push(`${index} ${place}`);
  assert.deepEqual([places.length, places[0], places[39]], [40, '0 x.parquet, row 1', '39 x.parquet, row 40']);
});

test('what is no Parquet, or a broken one, is a named error', async () => {
  const good = readFileSync(`${folder}zstd.parquet`);
  const broken = (change: (bytes: Uint8Array) => Uint8Array): Promise<RowFields[]> =>
    rowsOf(fileOf(change(Uint8Array.from(good))));
  await assert.rejects(
    broken(() => new Uint8Array(5)),
    /^SyntaxError: a\.parquet: expected a Parquet file but found: 5 bytes/,
  );
  await assert.rejects(
    broken((bytes) => bytes.subarray(0, -1)),
    /no PAR1 at its end/,
  );
  await assert.rejects(
    broken((bytes) => (bytes.set([255, 255, 255, 127], bytes.length - 8), bytes)),
    /a footer of 2147483647 bytes/,
  );
  await assert.rejects(
    broken((bytes) => (bytes.fill(0, bytes.length - 1500, bytes.length - 8), bytes)),
    /a\.parquet: expected a Parquet file but found/,
  );
  await assert.rejects(
    broken((bytes) => (bytes.set([80, 65, 82, 69], bytes.length - 4), bytes)),
    /encrypted/,
  );
  await assert.rejects(
    broken((bytes) => (bytes.fill(7, 10, 200), bytes)),
    /a\.parquet: expected a Parquet file but found/,
  );
});

test('flipped bytes give rows or a named error, never anything else', async () => {
  const good = readFileSync(`${folder}snappy.parquet`);
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let failed = 0;
  for (let round = 0; round < 150; round++) {
    const bytes = Uint8Array.from(good);
    for (let i = 0; i <= round % 3; i++) bytes[random(bytes.length)] = random(256);
    const file = fileOf(bytes);
    await rowsOf(file).catch((error: Error) => {
      failed++;
      assert.match(error.message, /^a\.parquet/, error.stack ?? '');
    });
    assert.ok(file.largest() <= bytes.length);
  }
  assert.ok(failed > 20);
});
