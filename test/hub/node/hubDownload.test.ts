import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { locateModel } from '../../../src/hub/node/locate.ts';
import { sha256 } from './fakeHub.ts';
import { settingsFor, shard, small, withHub } from './hubFixtures.ts';

const run = promisify(execFile);

test('what is broken off goes on where it ended', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const settings = await settingsFor(hub);
    let cuts = 0;
    hub.intercept = ({ server, range }, _request, response) => {
      if (server !== 'cdn' || cuts === 2) return false;
      const start = Number(/\d+/.exec(range ?? '')?.[0] ?? 0);
      cuts++;
      response.writeHead(range === undefined ? 200 : 206, {
        'content-length': shard.length - start,
        ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${shard.length - 1}/${shard.length}` }),
      });
      response.write(shard.subarray(start, start + 50_000), () => response.destroy());
      return true;
    };
    const { path } = await locateModel('org/tiny', { settings });
    assert.deepEqual(await readFile(join(path, 'model.safetensors')), Buffer.from(shard));
    const ranges = hub.seen.filter(({ server }) => server === 'cdn').map(({ range }) => range);
    assert.equal(ranges.length, 3);
    assert.match(ranges[2] ?? '', /^bytes=\d+-$/);
  }));

test('a killed process’s part is taken up, a spoilt one is thrown away', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const settings = await settingsFor(hub);
    const blobs = join(settings.cache, 'models--org--tiny', 'blobs');
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, `${sha256(shard)}.tuneloop.incomplete`), shard.subarray(0, 1234));
    const { path } = await locateModel('org/tiny', { settings });
    assert.deepEqual(await readFile(join(path, 'model.safetensors')), Buffer.from(shard));
    assert.deepEqual(
      hub.seen.filter(({ server }) => server === 'cdn').map(({ range }) => range),
      ['bytes=1234-'],
    );

    const other = await settingsFor(hub);
    const otherBlobs = join(other.cache, 'models--org--tiny', 'blobs');
    await mkdir(otherBlobs, { recursive: true });
    await writeFile(join(otherBlobs, `${sha256(shard)}.tuneloop.incomplete`), 'not the same bytes');
    const again = await locateModel('org/tiny', { settings: other });
    assert.deepEqual(await readFile(join(again.path, 'model.safetensors')), Buffer.from(shard));
  }));

test('a server without ranges is asked for all, one that sends too much or other bytes is refused', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const settings = await settingsFor(hub);
    const partial = join(settings.cache, 'models--org--tiny', 'blobs', `${sha256(shard)}.tuneloop.incomplete`);
    await mkdir(join(partial, '..'), { recursive: true });
    await writeFile(partial, shard.subarray(0, 777));
    const answer = (body: Uint8Array): void => {
      hub.intercept = ({ server }, _request, response) => {
        if (server === 'cdn') response.writeHead(200, { 'content-length': body.length }).end(body);
        return server === 'cdn';
      };
    };
    answer(shard);
    await locateModel('org/tiny', { settings });
    answer(shard.toReversed());
    await assert.rejects(
      locateModel('org/tiny', { settings: await settingsFor(hub) }),
      /model\.safetensors: expected SHA-256 [0-9a-f]{64} but found/,
    );
    answer(Uint8Array.of(...shard.subarray(0, 100), ...shard.subarray(0, 100)));
    const short = await settingsFor(hub);
    await assert.rejects(
      locateModel('org/tiny', { settings: short }),
      /connection ended after 200 of 200000 bytes|expected SHA-256/,
    );
    await assert.rejects(stat(join(short.cache, 'models--org--tiny', 'snapshots', hub.commit, 'model.safetensors')));
  }));

test('a rate limit is waited for, a failing server asked again', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const failures: [number, Record<string, string>][] = [
      [429, { 'retry-after': '0' }],
      [502, {}],
      [503, { 'retry-after': '0' }],
      [429, { ratelimit: '"api";r=0;t=0' }],
    ];
    let seen = 0;
    hub.intercept = (_seen, _request, response) => {
      const failure = seen++ % 2 === 0 ? failures.shift() : undefined;
      if (failure !== undefined) response.writeHead(failure[0], failure[1]).end();
      return failure !== undefined;
    };
    await locateModel('org/tiny', { settings: await settingsFor(hub) });
    assert.equal(failures.length, 0);
  }));

test('two at once do not spoil each other, a lock that a killed process left is taken over', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const settings = await settingsFor(hub);
    const both = await Promise.all([locateModel('org/tiny', { settings }), locateModel('org/tiny', { settings })]);
    assert.equal(both[0].path, both[1].path);
    assert.deepEqual(await readFile(join(both[0].path, 'model.safetensors')), Buffer.from(shard));
    assert.equal(hub.seen.filter(({ server }) => server === 'cdn').length, 1, 'weights come once');

    const other = await settingsFor(hub);
    const lock = join(other.cache, '.locks', 'models--org--tiny', `${sha256(shard)}.tuneloop.lock`);
    await mkdir(join(lock, '..'), { recursive: true });
    await writeFile(lock, '');
    await utimes(lock, 1, 1);
    await locateModel('org/tiny', { settings: other });
  }));

test('a process that is killed leaves a part, and the next one ends it', () =>
  withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
    const settings = await settingsFor(hub);
    hub.intercept = ({ server }, _request, response) => {
      if (server !== 'cdn') return false;
      response.writeHead(200, { 'content-length': shard.length });
      response.write(shard.subarray(0, 60_000));
      return true;
    };
    const source = fileURLToPath(new URL('../../../src/hub/node/locate.ts', import.meta.url));
    const code = `const { locateModel } = await import(${JSON.stringify(source)}); await locateModel('org/tiny', { settings: ${JSON.stringify({ ...settings, timeoutMs: 60_000 })}, emit: (event) => { if (event.bytes >= 50000) process.kill(process.pid, 'SIGKILL'); } });`;
    await assert.rejects(run(process.execPath, ['--input-type=module', '-e', code]));
    hub.intercept = () => false;
    const seen = hub.seen.length;
    const lock = join(settings.cache, '.locks', 'models--org--tiny', `${sha256(shard)}.tuneloop.lock`);
    await utimes(lock, 1, 1);
    const { path } = await locateModel('org/tiny', { settings });
    assert.deepEqual(await readFile(join(path, 'model.safetensors')), Buffer.from(shard));
    assert.match(hub.seen.slice(seen).find(({ server }) => server === 'cdn')?.range ?? '', /^bytes=[5-9]\d{4}-$/);
  }));
