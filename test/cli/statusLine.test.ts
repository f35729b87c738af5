import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusLine } from '../../src/cli/statusLine.ts';

function said(tty: boolean, use: (shown: ReturnType<typeof statusLine>, wait: (ms: number) => void) => void): string {
  let [clock, text] = [0, ''];
  const terminal = { out: async () => {}, err: (part: string) => void (text += part), tty };
  const shown = statusLine(terminal, { every: { terminal: 100, log: 1000 }, length: 9, now: () => clock });
  use(shown, (ms) => (clock += ms));
  return text;
}

test('a terminal rewrites the status, cut to its length, and lines stand whole above it', () => {
  const text = said(true, ({ line, status, end }, wait) => {
    status(() => ['one']);
    status(() => ['too soon']);
    wait(100);
    status(() => ['step 1', 'loss 2']);
    line('a line');
    status(() => ['last'], true);
    end();
    end();
  });
  assert.equal(text, '\r\u001b[Kone\r\u001b[Kstep 1  …\r\u001b[Ka line\n\r\u001b[Klast\n');
});

test('a log gets a status now and then, whole', () => {
  const text = said(false, ({ line, status, end }, wait) => {
    status(() => ['step 1', 'loss 2']);
    wait(999);
    status(() => ['too soon']);
    wait(1);
    status(() => ['step 2']);
    line('a line');
    end();
  });
  assert.equal(text, 'step 1, loss 2\nstep 2\na line\n');
});
