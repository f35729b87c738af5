import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preparePrompts } from '../../src/data/prompts.ts';
import type { Row, RowFields } from '../../src/data/reader.ts';
import { openTokenizer } from '../../src/loop/openTokenizer.ts';
import { fixture } from '../parity.ts';

const tokenizer = await openTokenizer(fixture('models/chat'));

async function* rowsOf(rows: readonly RowFields[]): AsyncGenerator<Row> {
  for (const [index, fields] of rows.entries()) yield { index, place: `p.jsonl, line ${index + 1}`, fields };
}

const turn = (role: string, content: string) => ({ role, content });

test('prompts as the model meets them; what the data answers is for graders alone', async () => {
  const rows = [
    { prompt: '2 + 2 =' },
    { prompt: '2 + 2 =', completion: ' 4', level: 3 },
    { messages: [turn('user', 'Hi'), turn('assistant', 'Hello')] },
    { messages: [turn('user', 'Hi')] },
    { prompt: [turn('user', 'Hi')] },
    { prompt: '' },
    { prompt: 'seven '.repeat(20) },
  ];
  const { examples, items, dropped, duplicates } = await preparePrompts(rowsOf(rows), tokenizer, { maxLength: 18 });
  const asked = tokenizer.applyChatTemplate([turn('user', 'Hi')], { addGenerationPrompt: true }).ids;
  assert.deepEqual([...examples.at(0).ids], tokenizer.encode('2 + 2 ='));
  for (const i of [2, 3, 4]) assert.deepEqual([...examples.at(i).ids], asked);
  assert.ok(!examples.at(2).mask.includes(1));
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((i) => [items?.get(i)?.question, items?.get(i)?.reference]),
    [
      ['2 + 2 =', undefined],
      ['2 + 2 =', ' 4'],
      ['Hi', 'Hello'],
      ['Hi', undefined],
      ['Hi', undefined],
    ],
  );
  assert.equal(items?.get(1)?.fields?.['level'], 3);
  assert.deepEqual(duplicates, [1, 3, 4]);
  assert.deepEqual(dropped, [
    { index: 5, reason: 'an empty prompt' },
    { index: 6, reason: 'a prompt that is too long' },
  ]);
});

test('a row without a prompt is named once, with what would do', async () => {
  await assert.rejects(preparePrompts(rowsOf([{ text: 'abc' }]), tokenizer), {
    message:
      'p.jsonl, line 1: expected columns {prompt, completion} or {messages, tools?} or {conversations, system?} or {prompt} but found text',
  });
});
