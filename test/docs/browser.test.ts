import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { noChromium } from '../../tools/web/chromium.ts';
import { runSnippetsInWorker } from './snippets.ts';

const asset = (path: string): { readonly path: string } => ({
  path: fileURLToPath(new URL(`../../assets/${path}`, import.meta.url)),
});

test('the snippets of docs/browser.md run in a worker', { skip: noChromium }, async () => {
  const files = { '/nano/': asset('nano'), '/train.jsonl': asset('tasks/records-train.jsonl') };
  const answer = (await runSnippetsInWorker('browser', 2, files)) as { exp: number[]; losses: number[]; text: string };
  assert.deepEqual(answer.exp, [1, Math.fround(Math.E)]);
  assert.equal(answer.losses.length, 4);
  assert.ok((answer.losses[3] ?? Infinity) < (answer.losses[0] ?? 0) - 0.5, answer.losses.join());
  assert.equal(typeof answer.text, 'string');
});
