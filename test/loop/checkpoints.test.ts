import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { makeFolder, writeFileAtomic } from '../../src/hub/files.ts';
import { checkpointOf, latestCheckpoint, saveCheckpoint } from '../../src/loop/checkpoints.ts';

function place(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tuneloop-checkpoints-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'checkpoints');
}

async function write(folder: string): Promise<void> {
  await makeFolder(join(folder, 'adapter'));
  await writeFileAtomic(join(folder, 'adapter', 'weights'), new Uint8Array(3000).fill(7));
  await writeFileAtomic(join(folder, 'state.json'), '{}');
}

test('the newest checkpoint is found, by number and not by name, and the oldest go', async (context) => {
  const folder = place(context);
  assert.deepEqual(await latestCheckpoint(folder), { damaged: [] });
  for (const step of [8, 9, 10]) await saveCheckpoint(folder, step, write, { limit: 2 });
  assert.deepEqual(readdirSync(folder).sort(), ['step-10', 'step-9']);
  assert.deepEqual(await latestCheckpoint(folder), { good: { step: 10, path: join(folder, 'step-10') }, damaged: [] });
});

test('one checkpoint may stay beside the newest', async (context) => {
  const folder = place(context);
  const after = async (step: number, limit: number, always: number): Promise<string[]> => {
    await saveCheckpoint(folder, step, write, { limit, always });
    return readdirSync(folder).sort();
  };
  assert.deepEqual(await after(1, 1, 1), ['step-1']);
  assert.deepEqual(await after(2, 1, 1), ['step-1', 'step-2']);
  assert.deepEqual(await after(3, 1, 1), ['step-1', 'step-3']);
  assert.deepEqual(await after(4, 2, 1), ['step-1', 'step-4']);
  assert.deepEqual(await after(5, 2, 5), ['step-4', 'step-5']);
  assert.deepEqual(await after(6, 2, 3), ['step-5', 'step-6'], 'one that is not there takes no room');
  await assert.rejects(checkpointOf(folder, 3), /expected the checkpoint of step 3 but it is not there/);
  truncateSync(join(folder, 'step-5', 'state.json'), 1);
  await assert.rejects(checkpointOf(folder, 5), /step 5 but state\.json is not what was saved/);
  assert.deepEqual(await checkpointOf(folder, 6), { step: 6, path: join(folder, 'step-6') });
});

const damages: readonly (readonly [string, (step: string) => void, RegExp])[] = [
  [
    'a file is shorter',
    (step) => truncateSync(join(step, 'adapter', 'weights'), 2999),
    /adapter\/weights is not what was saved/,
  ],
  [
    'a byte is another',
    (step) => writeFileSync(join(step, 'adapter', 'weights'), new Uint8Array(3000).fill(7, 1)),
    /adapter\/weights is not/,
  ],
  ['a file is missing', (step) => rmSync(join(step, 'state.json')), /state\.json is missing/],
  ['a file is too many', (step) => writeFileSync(join(step, 'more'), ''), /more is not what was saved/],
  ['the manifest is missing', (step) => rmSync(join(step, 'manifest.json')), /manifest\.json/],
  ['the manifest is broken', (step) => truncateSync(join(step, 'manifest.json'), 20), /manifest\.json: expected JSON/],
];
for (const [what, damage, reason] of damages) {
  test(`where ${what}, the checkpoint before it is taken`, async (context) => {
    const folder = place(context);
    await saveCheckpoint(folder, 1, write);
    await saveCheckpoint(folder, 2, write);
    damage(join(folder, 'step-2'));
    const { good, damaged } = await latestCheckpoint(folder);
    assert.equal(good?.step, 1);
    assert.equal(damaged.length, 1);
    assert.equal(damaged[0]?.step, 2);
    assert.match(damaged[0]?.reason ?? '', reason);
    await saveCheckpoint(folder, 2, write);
    assert.equal((await latestCheckpoint(folder)).good?.step, 2, 'saved again, it is whole');
  });
}

test('a checkpoint whose writing fails is absent, and what a kill left is cleared', async (context) => {
  const folder = place(context);
  await saveCheckpoint(folder, 1, write);
  await assert.rejects(
    saveCheckpoint(folder, 2, async (inside) => {
      await write(inside);
      throw new Error('no space left');
    }),
    /no space left/,
  );
  mkdirSync(join(folder, 'step-3.tmp-0123abcd'));
  mkdirSync(join(folder, 'step-0.old-0123abcd'));
  assert.equal((await latestCheckpoint(folder)).good?.step, 1);
  assert.deepEqual(readdirSync(folder), ['step-1']);
});
