import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, statSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cli, measured, succeed } from '../../tools/kills/cli.ts';
import { assertWhole, model, resultOf, tuneArgs } from '../../tools/kills/tuneScenario.ts';

const root = mkdtempSync(join(tmpdir(), 'tuneloop-full-'));
after(() => rmSync(root, { recursive: true, force: true }));
const argv = tuneArgs(root, { steps: 6 });
const whole = join(root, 'whole');
const { changes } = await measured([...argv, '--out', whole], root);
const resume = (run: string): readonly string[] => ['tune', '--resume', run, '--quiet'];
const checkpoints = (run: string): string[] => readdirSync(join(run, 'checkpoints'));

const withoutShell = process.platform === 'win32' ? 'there is no ulimit on Windows' : false;

test(
  'a limit of file sizes while saving: the last good checkpoint stays, and the run goes on to the same bits',
  { skip: withoutShell },
  async () => {
    const run = join(root, 'limited');
    await cli([...argv, '--out', run], { killAtChange: Math.floor(changes * 0.6) });
    await assertWhole(run);
    const before = checkpoints(run);
    assert.notDeepEqual(before, []);
    // Units of 1,024 bytes: the metrics fit, the optimizer's state does not.
    const failed = await cli(resume(run), { shell: 'ulimit -f 16' });
    assert.equal(failed.code, 1);
    assert.match(failed.err, /^tuneloop: Cannot write .*: the file would be larger than the limit\n$/);
    assert.deepEqual(checkpoints(run), before);
    await assertWhole(run);
    await succeed(resume(run));
    assert.deepEqual(resultOf(run), resultOf(whole));
  },
);

/** Whether this user may mount a file system of so many kilobytes there. */
function mounted(folder: string, kilobytes: number, again = false): boolean {
  mkdirSync(folder, { recursive: true });
  const options = `${again ? 'remount,' : ''}size=${kilobytes}k`;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('a full disk while saving: the last good checkpoint stays, and the run goes on to the same bits', async (context) => {
  const disk = join(root, 'disk');
  // The first checkpoint fits, a second one does not.
  const room = 160 + Math.ceil(statSync(join(whole, 'base.json')).size / 1024);
  if (!mounted(disk, room)) return context.skip('this user may not mount a small file system');
  try {
    const run = join(disk, 'run');
    const failed = await cli([...argv, '--out', run]);
    assert.equal(failed.code, 1);
    assert.match(failed.err, /^tuneloop: Cannot write .*: no space left on the device\n$/);
    await assertWhole(run);
    assert.deepEqual(checkpoints(run), ['step-2']);
    assert.ok(mounted(disk, 1024, true));
    await succeed(resume(run));
    assert.deepEqual(resultOf(run), resultOf(whole));
  } finally {
    execFileSync('umount', [disk]);
  }
});

test('a full disk under merge, export and score: an error that says so, and nothing under the final name', async (context) => {
  const disk = join(root, 'small');
  if (!mounted(disk, 64)) return context.skip('this user may not mount a small file system');
  try {
    const adapter = ['--adapter', join(whole, 'adapter')];
    const data = join(root, 'train.jsonl');
    for (const words of [
      ['merge', ...adapter],
      ['export', '--format', 'onnx', '--engine', 'ort'],
      ['score', '--data', data],
    ]) {
      const out = join(disk, 'out');
      const { code, err } = await cli(
        [...words, '--model', model, '--out', out, '--quiet'],
        words[0] === 'score' ? { shell: `head -c 60000 /dev/zero > ${disk}/filler` } : {},
      );
      assert.equal(code, 1, err);
      assert.match(err, /: no space left on the device\n$/);
      assert.deepEqual(readdirSync(disk), words[0] === 'score' ? ['filler'] : []);
    }
  } finally {
    execFileSync('umount', [disk]);
  }
});
