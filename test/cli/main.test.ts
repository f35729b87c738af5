import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-main-'));
after(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data.jsonl');
writeFileSync(data, `${JSON.stringify({ text: 'The cat sat on the mat.' })}\n`.repeat(2000));

test('results go to stdout, errors alone to stderr, and the exit code is the command’s', () => {
  const right = spawnSync(process.execPath, [main, '--version'], { encoding: 'utf8' });
  assert.match(right.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.deepEqual([right.stderr, right.status], ['', 0]);
  const wrong = spawnSync(process.execPath, [main, 'tune', '--bach-size', '3'], { encoding: 'utf8' });
  assert.deepEqual([wrong.stdout, wrong.status], ['', 2]);
  assert.equal(wrong.stderr, 'tuneloop: There is no option --bach-size. Did you mean --batch-size?\n');
});

test('a reader that closes the pipe early is no failure', async () => {
  const child = spawn(process.execPath, [main, 'tokenize', '--model', model, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.once('data', () => child.stdout.destroy());
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  assert.deepEqual([code, err], [0, '']);
});

/** Starts a run that would take days and hands over once it steps. */
async function longRun(name: string): Promise<{ child: ReturnType<typeof spawn>; err: () => string }> {
  const more = ['--out', join(folder, name), '--max-steps', '100000000', '--batch-size', '1'];
  const child = spawn(process.execPath, [main, 'tune', '--model', model, '--data', data, ...more], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
      if (/^step \d+\//m.test(err)) resolve();
    });
    child.on('exit', () => reject(new Error(err)));
  });
  return { child, err: () => err };
}

const windows = process.platform === 'win32' && 'there are no signals on Windows';

test(
  'Ctrl-C, also one that a launcher hands on a second time, saves after the step and ends with 130',
  { skip: windows },
  async () => {
    const { child, err } = await longRun('once');
    child.kill('SIGINT');
    setTimeout(() => child.kill('SIGINT'), 10);
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 130);
    assert.match(
      err(),
      /Stopping after this step[\s\S]*: saved .*checkpoints[\s\S]*Go on with: tuneloop tune --resume .*once\n$/,
    );
    const last = JSON.parse(
      readFileSync(join(folder, 'once', 'metrics.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .at(-1) ?? '',
    ) as Record<string, unknown>;
    assert.deepEqual([last['type'], last['stopReason']], ['done', 'interrupted']);
  },
);
