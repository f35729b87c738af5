import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { watchInterrupts } from '../../src/cli/interrupts.ts';

/** A process that only notes its end. */
function fakeProcess() {
  const exits: number[] = [];
  const process = Object.assign(new EventEmitter(), { exit: (code: number) => exits.push(code) });
  return { process: process as unknown as NodeJS.Process, exits };
}

test('the first Ctrl-C asks, its echo from a launcher is the same one, a later one quits', async () => {
  const { process, exits } = fakeProcess();
  const { signal, expectStop } = watchInterrupts(process);
  expectStop(true);
  process.emit('SIGINT', 'SIGINT');
  process.emit('SIGINT', 'SIGINT');
  assert.deepEqual([signal.aborted, exits], [true, []]);
  await setTimeout(450);
  process.emit('SIGINT', 'SIGINT');
  assert.deepEqual(exits, [130]);
});

test('where nobody looks at the signal, the first Ctrl-C quits', () => {
  const { process, exits } = fakeProcess();
  const { signal } = watchInterrupts(process);
  process.emit('SIGINT', 'SIGINT');
  assert.deepEqual([signal.aborted, exits], [false, [130]]);
});
