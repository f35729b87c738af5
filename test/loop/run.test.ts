import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRun } from '../../src/loop/run.ts';

const counting =
  (most: number) =>
  async (emit: (event: number) => void, signal: AbortSignal): Promise<string> => {
    let told = 0;
    while (told < most && !signal.aborted) {
      emit(told++);
      await sleep(1);
    }
    return signal.aborted ? `stopped at ${told}` : 'whole';
  };
async function collect<E>(run: AsyncIterable<E>): Promise<E[]> {
  const events: E[] = [];
  for await (const event of run) events.push(event);
  return events;
}

test('every reader gets every event, and the summary comes without one', async () => {
  const run = startRun(counting(4));
  assert.deepEqual(await Promise.all([collect(run), collect(run)]), [
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ]);
  assert.equal(await run.summary, 'whole');
  assert.equal(await startRun(counting(2)).summary, 'whole');
  assert.deepEqual(await collect(run), [], 'a loop that begins after the end has nothing to tell');
});

test('a slow reader misses nothing and holds nothing up', async () => {
  const run = startRun(counting(5));
  const events: number[] = [];
  for await (const event of run) {
    if (events.length === 0) assert.equal(await run.summary, 'whole');
    events.push(event);
  }
  assert.deepEqual(events, [0, 1, 2, 3, 4]);
});

test('leaving the loop and the signal both stop the work, and the loop waits for its end', async () => {
  const left = startRun(counting(1e6));
  let ended = false;
  void left.summary.then(() => (ended = true));
  for await (const event of left) if (event === 2) break;
  assert.ok(ended);
  assert.match(await left.summary, /^stopped at [34]$/);

  const controller = new AbortController();
  const stopped = startRun(counting(1e6), controller.signal);
  for await (const event of stopped) if (event === 2) controller.abort();
  assert.match(await stopped.summary, /^stopped at/);
});

test('what the work fails with is thrown by the loop, after its events, and by the summary', async () => {
  const failing = () =>
    startRun(async (emit: (event: string) => void) => {
      emit('before');
      throw new RangeError('broken');
    });
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const event of failing()) seen.push(event);
  }, /^RangeError: broken$/);
  assert.deepEqual(seen, ['before']);
  await assert.rejects(failing().summary, /broken/);
  // A loop that looked is enough: nothing is left that would end the process.
  await sleep(5);
});
