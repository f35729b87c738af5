import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assetPath } from '../../src/cli/assets.ts';
import { runProgram } from '../../src/cli/program.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { openTokenizer } from '../../src/loop/openTokenizer.ts';
import { textSets, tokenizerOf } from '../../tools/nano/prepare.ts';
import { config, taskRows, template } from '../../tools/nano/recipe.ts';
import { recordRows, toLines } from '../../tools/nano/records.ts';
import { wordsOf } from '../../tools/nano/text.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tuneloop-start-'));
after(() => rmSync(scratch, { recursive: true }));

async function program(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const terminal = {
    out: async (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    tty: false,
  };
  const code = await runProgram(argv, terminal, { signal: new AbortController().signal, expectStop: () => {} });
  return { code, out, err };
}

interface Outcome {
  readonly loss: { readonly before: number; readonly after: number };
  readonly exactMatch: Readonly<
    Record<'before' | 'after', { readonly right: number; readonly of: number; readonly interval: [number, number] }>
  >;
  readonly samples: readonly { readonly question: string; readonly before: string; readonly after: string }[];
  readonly adapter: string;
  readonly report: string;
}

test('start tunes the bundled model on the bundled task and says what came of it', async () => {
  const out = join(scratch, 'run');
  const found = await program('start', '--out', out, '--max-steps', '20', '--threads', '1', '--json', '--quiet');
  assert.deepEqual([found.code, found.err], [0, '']);
  const { loss, exactMatch, samples, adapter, report } = JSON.parse(found.out) as Outcome;
  assert.ok(loss.after < 0.5 * loss.before, `${loss.before} to ${loss.after}`);
  assert.deepEqual([exactMatch.before.of, exactMatch.after.of], [taskRows.test, taskRows.test]);
  assert.ok(exactMatch.before.right < 3, 'the task is not new to the model');
  assert.equal(samples.length, 3);
  assert.ok((await readPeftFolder(adapter)).tensors.size > 0);
  assert.ok(existsSync(report));
  const again = await program('start', '--out', out, '--max-steps', '1');
  assert.equal(again.code, 2);
  assert.match(again.err, /found a run/);
});

test('the bundled model is small, and its tokenizer gives back every text', async () => {
  assert.ok(statSync(assetPath('nano/model.safetensors')).size < 8e6);
  const tokenizer = await openTokenizer(assetPath('nano'));
  assert.equal(tokenizer.vocabSize, config.vocab_size);
  for (const text of [
    'Mia has 12 apples.',
    ' two  spaces\n\tand a tab',
    '{"who":"Zoë","count":2}',
    '日本語 🙂 <|no|>',
  ]) {
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  }
  const { text, ids, assistantMask } = tokenizer.applyChatTemplate(
    [
      { role: 'user', content: 'Repeat: cup' },
      { role: 'assistant', content: 'cup' },
    ],
    { returnAssistantMask: true },
  );
  assert.equal(text, '<|im_start|>user\nRepeat: cup<|im_end|>\n<|im_start|>assistant\ncup<|im_end|>\n');
  assert.equal(tokenizer.decode(ids.filter((_, t) => assistantMask?.[t] === 1)), 'cup<|im_end|>');
});

test('task, tokenizer and template are what their generators write', () => {
  const { train, test: held } = recordRows(taskRows.train, taskRows.test);
  assert.equal(readFileSync(assetPath('tasks/records-train.jsonl'), 'utf8'), toLines(train));
  assert.equal(readFileSync(assetPath('tasks/records-test.jsonl'), 'utf8'), toLines(held));
  const answers = new Set(train.map(({ completion }) => completion[0]?.content));
  assert.ok(held.every(({ completion }) => !answers.has(completion[0]?.content ?? '')));
  const sets = textSets();
  assert.ok(sets.every(({ rows }) => rows.every((row) => !wordsOf(row).includes('Make a record'))));
  const written = JSON.parse(readFileSync(assetPath('nano/tokenizer.json'), 'utf8')) as unknown;
  assert.deepEqual(written, tokenizerOf(sets));
  assert.equal(readFileSync(assetPath('nano/chat_template.jinja'), 'utf8'), template);
});
