import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Dataset, prepareDataset, type TrainExample } from '../../src/data/dataset.ts';
import { refuseSilentMessages } from '../../src/data/messages.ts';
import { packBestFit } from '../../src/data/packing.ts';
import { exampleLines, summarizeDataset, summaryLines } from '../../src/data/preview.ts';
import type { Row, RowFields } from '../../src/data/reader.ts';
import { type Loss, superviseExample, type SuperviseOptions } from '../../src/data/supervise.ts';
import { loadTokenizer } from '../../src/hub/tokenizer.ts';

type Options = {
  maxLength?: number;
  truncationMode?: 'keep_start' | 'keep_end';
  completionOnlyLoss?: boolean;
  assistantOnlyLoss?: boolean;
  packing?: boolean;
  packingStrategy?: string;
};
type Case = {
  options: Options;
  lines: RowFields[];
  error?: string;
  rows?: { ids: number[]; labels: number[]; lengths?: number[] }[];
};

const fixtures = new URL('../fixtures/', import.meta.url);
const readText = (path: string): string => readFileSync(new URL(path, fixtures), 'utf8');
const { cases } = JSON.parse(readText('sft/cases.json')) as { cases: Case[] };
const files = {
  tokenizerJson: JSON.parse(readText('models/chat/tokenizer.json')) as unknown,
  tokenizerConfig: JSON.parse(readText('models/chat/tokenizer_config.json')) as unknown,
  chatTemplate: readText('models/chat/chat_template.jinja'),
};
const tokenizer = loadTokenizer(files);

async function* rowsOf(lines: RowFields[]): AsyncGenerator<Row> {
  for (const [index, fields] of lines.entries()) yield { index, place: `data.jsonl, line ${index + 1}`, fields };
}

const prepare = (lines: RowFields[], options: SuperviseOptions = {}, by = tokenizer): Promise<Dataset> =>
  prepareDataset(rowsOf(lines), by, options);

const listOf = ({ examples }: Dataset): TrainExample[] =>
  Array.from({ length: examples.count }, (_, i) => examples.at(i));

/** TRL's two switches as one loss; both off their defaults at once have no name here. */
function lossOf({ completionOnlyLoss, assistantOnlyLoss }: Options): { loss?: Loss } | undefined {
  if (assistantOnlyLoss === true) return completionOnlyLoss === false ? undefined : { loss: 'assistant' };
  return completionOnlyLoss === false ? { loss: 'all' } : {};
}

const named = cases.filter(({ options }) => lossOf(options) !== undefined && options.packingStrategy === undefined);

for (const { options, lines, rows, error } of named) {
  test(`TRL's rows for ${JSON.stringify(options)} on {${Object.keys(lines[0] ?? {}).join(', ')}}`, async () => {
    const given: SuperviseOptions = {
      ...lossOf(options),
      ...(options.maxLength === undefined ? {} : { maxLength: options.maxLength }),
      ...(options.truncationMode === undefined ? {} : { truncation: options.truncationMode }),
    };
    if (error !== undefined) {
      await assert.rejects(prepare(lines, given), /data\.jsonl, line 1: Loss assistant expects chat data/);
      return;
    }
    const examples = listOf(await prepare(lines, given));
    const bins =
      options.packing === true
        ? packBestFit(
            examples.map(({ ids }) => ids.length),
            options.maxLength ?? 0,
          )
        : examples.map((_example, i) => [i]);
    const made = bins.map((bin) => {
      const parts = bin.map((i) => examples[i] ?? assert.fail());
      const ids = parts.flatMap((part) => [...part.ids]);
      const mask = parts.flatMap((part) => [...part.mask]);
      const labels = ids.map((id, t) => (mask[t] === 1 ? id : -100));
      return { ids, labels, ...(options.packing === true ? { lengths: parts.map((part) => part.ids.length) } : {}) };
    });
    assert.deepEqual(made, rows);
  });
}

test('the cases cover text, pairs, chats and packing', () => {
  assert.ok(named.length >= 15);
});

test('rows are accounted for by their input line', async () => {
  const long = { prompt: 'The cat sat on the mat and', completion: ' sat.' };
  const lines = [
    { text: 'the mat' },
    long,
    { text: 'the mat' },
    { prompt: 'th', completion: 'e mat' },
    { text: 'The cat sat on the mat.' },
  ];
  const dataset = await prepare(lines, { maxLength: 6 });
  assert.deepEqual(
    listOf(dataset).map(({ index }) => index),
    [0, 2, 3, 4],
  );
  assert.deepEqual(dataset.dropped, [{ index: 1, reason: 'nothing supervised after truncation' }]);
  assert.deepEqual(dataset.truncated, [1, 4]);
  assert.deepEqual(dataset.promptMismatches, [3]);
  assert.deepEqual(dataset.duplicates, [2]);
  const summary = summarizeDataset(dataset, tokenizer);
  const supervised = listOf(dataset).reduce((sum, { mask }) => sum + mask.subarray(1).reduce((a, b) => a + b, 0), 0);
  assert.deepEqual(summary, {
    examples: 4,
    tokens: listOf(dataset).reduce((sum, { ids }) => sum + ids.length, 0),
    supervisedTokens: supervised,
    stopsSupervised: 3,
    lengths: { p5: 3, median: 3, p95: 6 },
    longest: 6,
    truncated: 2,
    dropped: 1,
    duplicates: 1,
    promptMismatches: 1,
    templateMismatches: 0,
  });
  const shown = summaryLines(summary, dataset).join('\n');
  for (const part of [
    /4 examples/,
    /2 truncated: input lines 2, 5/,
    /1 dropped, .* input line 2/,
    /1 duplicates .* input line 3/,
    /off by one: input line 4/,
  ]) {
    assert.match(shown, part);
  }
});

test('the preview shows each token and whether it is learned', async () => {
  const [example] = listOf(await prepare([{ prompt: '2 + 2 =', completion: ' 4' }]));
  assert.ok(example);
  const lines = exampleLines(example, tokenizer);
  assert.equal(lines.length, example.ids.length);
  assert.deepEqual(
    lines.map((line) => line.startsWith('+')),
    Array.from(example.mask, (bit) => bit === 1),
  );
  assert.match(lines.at(-1) ?? '', /^\+ {6}2 "<\|im_end\|>"$/);
  assert.equal(exampleLines(example, tokenizer, { color: true }).at(-1), `\u001b[32m${lines.at(-1)}\u001b[39m`);
  assert.match(exampleLines(example, tokenizer, { maxTokens: 2 }).at(-1) ?? '', /8 more tokens/);
});

test('data with nothing to learn is refused with a way out', async () => {
  const cut = await prepare([{ prompt: 'The cat sat on the mat', completion: '.' }], { maxLength: 3 });
  assert.throws(
    () => summarizeDataset(cut, tokenizer),
    /Nothing to learn: all 1 rows, from data\.jsonl, line 1 on, .* larger max length/,
  );
});

test('a loss that the data or the template cannot give is refused', async () => {
  const chat = [
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
    },
  ];
  await assert.rejects(prepare(chat, { loss: 'completion' }), /line 1: Loss completion expects/);
  await assert.rejects(
    prepare([{ messages: [{ role: 'user', content: 'x' }] }], { loss: 'assistant' }),
    /marks no token/,
  );
  const plain = loadTokenizer({ ...files, chatTemplate: '{{ messages[0].content }}' });
  await assert.rejects(prepare(chat, { loss: 'assistant' }, plain), /generation/);
  const endless = loadTokenizer({ tokenizerJson: files.tokenizerJson });
  assert.throws(() => superviseExample({ kind: 'text', text: 'x' }, endless), /no eos_token/);
});

test('a message that says nothing is refused by its field', async () => {
  const user = { role: 'user', content: 'Where?' };
  const call = { role: 'assistant', content: null, tool_calls: [{ type: 'function', function: { name: 'f' } }] };
  const refuse = (fields: RowFields): void => refuseSilentMessages({ index: 0, place: 'a, line 1', fields });
  refuse({ messages: [user, call], input: 'x' });
  for (const [fields, where] of [
    [{ prompt: [user], completion: [{ role: 'assistant', content: null }] }, 'completion[0].content'],
    [{ conversations: [{ from: 'human', weight: 1 }] }, 'conversations[0].value'],
    [{ input: { messages: [{ role: 'user' }] } }, 'input: messages[0].content'],
  ] satisfies [RowFields, string][])
    assert.throws(
      () => refuse(fields),
      (error: Error) => error instanceof TypeError && error.message.startsWith(`a, line 1: ${where}: expected text`),
    );
  const silent = { messages: [user, { role: 'assistant' }] };
  await assert.rejects(prepare([silent]), {
    name: 'TypeError',
    message: 'data.jsonl, line 1: messages[1].content: expected text but found nothing',
  });
});

test('tools reach the template as a list or as JSON text, numbers as they were written', async () => {
  const template = '{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}';
  const made = loadTokenizer({ ...files, chatTemplate: template });
  const messages = [{ role: 'user', content: 'x' }];
  const text = await prepare([{ messages, tools: '[{"a": 1.0}]' }], {}, made);
  const [example] = listOf(text);
  assert.ok(example);
  assert.equal(made.decode([...example.ids]), '[{"a": 1.0}]x');
});
