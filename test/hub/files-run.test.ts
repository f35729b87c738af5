import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { appendText } from '../../src/hub/files-append.ts';
import { assertWritableFolder, removeLeftovers, removePath } from '../../src/hub/files-remove.ts';
import { byteStream } from '../../src/hub/files-stream.ts';
import { makeFolder } from '../../src/hub/files.ts';

function place(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tuneloop-files-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function text(path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of byteStream(path)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('a stream reads a file as it is, and one ending in .gz decompressed', async (context) => {
  const folder = place(context);
  const long = 'line\n'.repeat(200_000);
  writeFileSync(join(folder, 'a.jsonl'), long);
  writeFileSync(join(folder, 'a.jsonl.gz'), gzipSync(long));
  writeFileSync(join(folder, 'cut.gz'), gzipSync(long).subarray(0, 100));
  writeFileSync(join(folder, 'plain.gz'), 'not compressed');
  assert.equal(await text(join(folder, 'a.jsonl')), long);
  assert.equal(await text(join(folder, 'a.jsonl.gz')), long);
  for (const name of ['cut.gz', 'plain.gz', 'none.jsonl', 'none.gz', '.']) {
    await assert.rejects(
      text(join(folder, name)),
      (error: Error) => error.message.startsWith(`Cannot read ${join(folder, name)}: `),
      name,
    );
  }
});

test('a stream that is left early closes its file', async (context) => {
  const folder = place(context);
  writeFileSync(join(folder, 'a.gz'), gzipSync('x'.repeat(1 << 20)));
  for (let i = 0; i < 50; i++) for await (const chunk of byteStream(join(folder, 'a.gz'))) if (chunk.length > 0) break;
  if (existsSync('/proc/self/fd')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(readdirSync('/proc/self/fd').length < 45, String(readdirSync('/proc/self/fd').length));
  }
});

test('text is added at the end', async (context) => {
  const path = join(place(context), 'log');
  await appendText(path, 'a\n');
  await appendText(path, 'b\n');
  assert.equal(readFileSync(path, 'utf8'), 'a\nb\n');
  await assert.rejects(appendText(join(path, 'x'), 'c'), /Cannot write .*: a part of the path is not a folder/);
});

test('files and folders are removed, leftovers of a kill alone, and nothing is no error', async (context) => {
  const folder = place(context);
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  for (const name of ['x.tmp-0123abcd', 'y.old-0123abcd', 'z.tmp-notes']) writeFileSync(join(folder, name), '');
  await removePath(join(folder, 'a'));
  await removePath(join(folder, 'nothing'));
  await removeLeftovers(folder);
  assert.deepEqual(readdirSync(folder), ['z.tmp-notes']);
});

test('a folder that could be written is left as it was, one that could not is an error', async (context) => {
  const folder = place(context);
  await assertWritableFolder(folder);
  await assertWritableFolder(join(folder, 'a', 'b', 'c'));
  assert.deepEqual(readdirSync(folder), []);
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(assertWritableFolder(join(folder, 'file')), /it is not a folder/);
  await assert.rejects(assertWritableFolder(join(folder, 'file', 'x')), /a part of the path is not a folder/);
  assert.equal(await makeFolder(join(folder, 'p', 'q')), join(folder, 'p'));
  assert.equal(await makeFolder(join(folder, 'p', 'q')), undefined);
});
