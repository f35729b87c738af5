import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import { withProcessLock } from '../../src/hub/files-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-lock-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'lock');
const refused = (holder: string): Error => new RangeError(holder);

test('a lock stands while work is done and goes with it, also where it fails', async () => {
  const found = await withProcessLock(path, refused, async () => readFileSync(path, 'utf8'));
  assert.equal(found, `${process.pid} ${hostname()}\n`);
  assert.equal(existsSync(path), false);
  await assert.rejects(
    withProcessLock(path, refused, () => Promise.reject(new TypeError('no'))),
    TypeError,
  );
  assert.equal(existsSync(path), false);
});

test("another process's lock refuses, one of another machine too; a killed process's is taken over", async () => {
  writeFileSync(path, `${process.ppid} ${hostname()}\n`);
  await assert.rejects(
    withProcessLock(path, refused, () => Promise.resolve()),
    (error) => error instanceof RangeError && error.message === String(process.ppid),
  );
  writeFileSync(path, '7 elsewhere\n');
  await assert.rejects(
    withProcessLock(path, refused, () => Promise.resolve()),
    /7 on elsewhere/,
  );
  for (const left of [`999999999 ${hostname()}\n`, 'torn']) {
    writeFileSync(path, left);
    assert.equal(await withProcessLock(path, refused, () => Promise.resolve(3)), 3);
  }
  await assert.rejects(
    withProcessLock(join(folder, 'none', 'lock'), refused, () => Promise.resolve()),
    /Cannot write/,
  );
});
