import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from './run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const nano = join(root, 'assets', 'nano');
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-chat-'));
after(() => rmSync(folder, { recursive: true }));
const run = join(folder, 'run');

/** What the program writes to the lines piped in. */
function talk(lines: readonly string[], options: readonly string[] = []): { out: string[]; err: string; code: number } {
  const argv = [join(root, 'bin', 'tuneloop.js'), 'chat', '--model', nano, '--temperature', '0', ...options];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  });
  return { out: stdout.split('\n').slice(0, -1), err: stderr, code: status ?? -1 };
}

const ask = 'Make a record: Two red balls belong to Emma.';

before(async () => {
  const data = join(folder, 'train.jsonl');
  const row = {
    messages: [
      { role: 'user', content: ask },
      { role: 'assistant', content: 'blue blue' },
    ],
  };
  writeFileSync(data, `${JSON.stringify(row)}\n`.repeat(4));
  const argv = ['tune', '--model', nano, '--data', data, '--out', run, '--max-steps', '12', '--learning-rate', '0.02'];
  const { code, err } = await runCli(argv);
  assert.equal(code, 0, err);
});

test('the adapter is switched off and on in the middle of a conversation, whose weights are held once', () => {
  const { out, err, code } = talk(
    [ask, '/adapter', '/reset', ask, '/adapter', '/reset', ask, '/exit', ask],
    ['--adapter', join(run, 'adapter')],
  );
  assert.equal(code, 0, err);
  assert.equal(out.length, 3, out.join('|'));
  assert.equal(out[0], 'blue blue');
  assert.notEqual(out[1], out[0]);
  assert.equal(out[2], out[0]);
  assert.equal(out[1], talk([ask]).out[0], 'off is the model without the adapter');
});

test('a turn sees the turns before it, /reset forgets them, unknown commands tell the known ones', () => {
  const question = 'What color are the cups?';
  const { out } = talk(['Mia has two red cups.', question, '/reset', question, '/what']);
  const { out: alone, err } = talk([question, '/what']);
  assert.equal(out.length, 3);
  assert.notEqual(out[1], out[2]);
  assert.equal(out[2], alone[0]);
  assert.match(err, /\/reset forgets the conversation/);
});

test('a conversation that outgrows the model says so and can start anew', () => {
  const { out, err, code } = talk(['word '.repeat(600), '/reset', ask]);
  assert.equal(code, 0);
  assert.match(err, /no room for an answer; \/reset starts anew/);
  assert.equal(out.length, 1);
});
