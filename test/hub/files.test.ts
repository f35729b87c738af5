import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import {
  openFile,
  pathInFolder,
  readJsonFile,
  readTextFile,
  writeFileAtomic,
  writeFolderAtomic,
  writeJsonFile,
} from '../../src/hub/files.ts';

const root = await mkdtemp(join(tmpdir(), 'tuneloop-files-'));
after(() => rm(root, { recursive: true }));
const fresh = async (name: string): Promise<string> => {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return path;
};

test('a file is written whole or not at all', async () => {
  const folder = await fresh('file');
  const path = join(folder, 'a.txt');
  await writeFileAtomic(path, 'first');
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(3);
    throw new RangeError('no more');
  }
  await assert.rejects(writeFileAtomic(path, failing()), /no more/);
  assert.equal(await readFile(path, 'utf8'), 'first');
  async function* two(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(104);
    yield Uint8Array.of(105);
  }
  await writeFileAtomic(path, two());
  assert.equal(await readFile(path, 'utf8'), 'hi');
  assert.deepEqual(await readdir(folder), ['a.txt']);
  await assert.rejects(writeFileAtomic(join(folder, 'none', 'a.txt'), 'x'), /Cannot write .*none.*: it does not exist/);
});

test('a folder is written whole or not at all, and replaced only when asked', async () => {
  const parent = await fresh('folder');
  const path = join(parent, 'run');
  const fill = (text: string) => (folder: string) => writeFile(join(folder, 'a.txt'), text);
  await writeFolderAtomic(path, fill('one'));
  await assert.rejects(writeFolderAtomic(path, fill('two')), /Cannot write .*run: it exists already/);
  const failing = async (folder: string): Promise<void> => {
    await fill('three')(folder);
    throw new Error('full');
  };
  await assert.rejects(writeFolderAtomic(path, failing, { replace: true }), /full/);
  assert.equal(await readFile(join(path, 'a.txt'), 'utf8'), 'one');
  await writeFolderAtomic(path, fill('four'), { replace: true });
  assert.equal(await readFile(join(path, 'a.txt'), 'utf8'), 'four');
  assert.deepEqual(await readdir(parent), ['run']);
});

test('JSON and text errors name the file', async () => {
  const folder = await fresh('json');
  const path = join(folder, 'a.json');
  await writeJsonFile(path, { a: 1 });
  assert.deepEqual(await readJsonFile(path), { a: 1 });
  await writeFile(path, '{"a": ');
  await assert.rejects(
    readJsonFile(path),
    (error) => error instanceof SyntaxError && error.message.startsWith(`${path}: `),
  );
  await writeFile(path, Uint8Array.of(0x22, 0xff, 0x22));
  await assert.rejects(readTextFile(path), /a\.json: expected UTF-8 text/);
  await assert.rejects(readJsonFile(join(folder, 'b.json')), /Cannot read .*b\.json: it does not exist/);
  await assert.rejects(openFile(folder), /Cannot read .*json: it is not a regular file/);
});

test('a read past the end says so', async () => {
  const path = join(await fresh('ends'), 'a.bin');
  await writeFile(path, new Uint8Array(10));
  const file = await openFile(path);
  await assert.rejects(file.readAt(8, new Uint8Array(4)), /a\.bin: expected 4 bytes at 8 but the file ends at 10/);
  await file.close();
});

test('a name may not lead out of its folder, links of the hub cache apart', async () => {
  const cache = await fresh('cache/models--x');
  const blobs = await fresh('cache/models--x/blobs');
  const snapshot = await fresh('cache/models--x/snapshots/abc');
  await writeFile(join(blobs, 'beef'), 'x');
  await writeFile(join(cache, 'secret'), 'x');
  await writeFile(join(snapshot, 'plain'), 'x');
  await symlink('../../blobs/beef', join(snapshot, 'shard'));
  await symlink('../../secret', join(snapshot, 'sly'));
  assert.equal(await pathInFolder(snapshot, 'plain', 'i'), join(snapshot, 'plain'));
  assert.equal(await pathInFolder(snapshot, 'shard', 'i'), join(snapshot, 'shard'));
  for (const name of ['sly', '../../secret', join(cache, 'secret'), '..', '.', '', 'a\\..\\b', 'a\0b']) {
    await assert.rejects(
      pathInFolder(snapshot, name, 'index'),
      /^RangeError: index: expected a file inside the folder/,
      name,
    );
  }
  const elsewhere = await fresh('elsewhere');
  await symlink(join(blobs, 'beef'), join(elsewhere, 'shard'));
  await assert.rejects(pathInFolder(elsewhere, 'shard', 'index'), RangeError);
  await assert.rejects(pathInFolder(elsewhere, 'gone', 'index'), /Cannot read .*gone: it does not exist/);
});
