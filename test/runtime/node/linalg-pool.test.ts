import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runHere } from '../../../src/runtime/linalg/job.ts';
import { linearAlgebra } from '../../../src/runtime/linalg/service.ts';
import { linalgPool } from '../../../src/runtime/node/linalg-pool.ts';
import { random, single } from '../linalg/matrices.ts';

const pools = [1, 3].map((threads) => linalgPool({ threads }));
after(() => pools.forEach((pool) => pool.close()));
const here = linearAlgebra(runHere());
const [one, three] = pools as [typeof here, typeof here];

test('the same bits for every number of threads, batched or one by one', async () => {
  const batch = single(random([24, 50, 70], 1));
  const expected = await here.svd(batch);
  for (const pool of pools) assert.deepEqual(await pool.svd(batch), expected);
  const alone = await Promise.all(
    [0, 7, 23].map((i) => three.svd({ shape: [50, 70], data: batch.data.slice(i * 3500, (i + 1) * 3500) })),
  );
  alone.forEach(({ s }, at) => {
    const i = [0, 7, 23][at] ?? 0;
    assert.deepEqual(s.data, expected.s.data.slice(50 * i, 50 * (i + 1)));
  });
});

test('one signal may serve many calls, inputs may lie in shared memory and are left alone', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  const memory = new Float64Array(new SharedArrayBuffer(8 * 30 * 30));
  const a = random([30, 30], 2);
  memory.set(a.data);
  const results = await Promise.all(
    Array.from({ length: 60 }, () => three.qr({ shape: [30, 30], data: memory }, { signal })),
  );
  for (const result of results) assert.deepEqual(result, results[0]);
  await three.qr(a);
  assert.equal(a.data.length, 900);
  await setTimeout(10);
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

test('a view of a larger buffer sends its own part', async () => {
  const whole = random([50, 4, 4], 3);
  const part = { shape: [4, 4], data: whole.data.subarray(16, 32) };
  assert.deepEqual(await one.svd(part), await here.svd(part));
  assert.equal(whole.data.length, 800);
});

test('transferred inputs are handed over', async () => {
  const a = random([20, 20], 4);
  const expected = await here.qr(a);
  const found = await one.qr(a, { transfer: true });
  assert.equal(a.data.length, 0);
  assert.deepEqual(found, expected);
});

test('the event loop runs meanwhile', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 2);
  await one.svd(random([400, 400], 5));
  clearInterval(timer);
  assert.ok(ticks >= 5, `${ticks} ticks`);
});

test('abort: before, waiting, running; the pool goes on', async () => {
  await assert.rejects(one.svd(random([3, 3], 1), { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const controller = new AbortController();
  const running = one.svd(random([900, 900], 6), { signal: controller.signal });
  const waiting = one.svd(random([3, 3], 7), { signal: controller.signal });
  const kept = one.svd(random([3, 3], 8));
  const outcomes = Promise.allSettled([running, waiting]);
  await setTimeout(60);
  controller.abort();
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.deepEqual(await kept, await here.svd(random([3, 3], 8)));
});

test('an abort on the calling thread is seen between matrices', async () => {
  const controller = new AbortController();
  const run = here.svd(random([200, 20, 20], 9), { signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(run, /enough/);
});

test('errors cross threads with their class, the pool goes on, one bad matrix ends its batch', async () => {
  const batch = random([9, 100, 100], 10);
  batch.data[7 * 10_000 + 205] = Number.NaN;
  await assert.rejects(three.svd(batch), (error: Error) => {
    assert.ok(error instanceof RangeError);
    assert.equal(error.message, 'svd, matrix 7: Expected finite entries but found NaN at [2, 5]');
    return true;
  });
  assert.equal((await three.svdvals(random([3, 3], 1))).shape[0], 3);
});

test('close rejects what runs and what comes', async () => {
  const pool = linalgPool({ threads: 1 });
  const running = pool.svd(random([300, 300], 11));
  const outcome = assert.rejects(running, /its service was closed/);
  pool.close();
  await outcome;
  await assert.rejects(pool.svd(random([3, 3], 1)), /Expected an open linear-algebra service but it is closed/);
  assert.throws(() => linalgPool({ threads: 0 }), /Expected threads of at least 1 but found 0/);
});
