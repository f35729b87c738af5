import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { prepareDataset, type TrainExample } from '../../src/data/dataset.ts';
import { overlapOf } from '../../src/data/overlap.ts';
import { overlapLines, refuseUntrainedStop, summarizeDataset, summaryLines } from '../../src/data/preview.ts';
import type { Row, RowFields } from '../../src/data/reader.ts';
import { loadTokenizer, type Tokenizer } from '../../src/hub/tokenizer.ts';

const readText = (name: string): string =>
  readFileSync(new URL(`../fixtures/models/chat/${name}`, import.meta.url), 'utf8');
const files = {
  tokenizerJson: JSON.parse(readText('tokenizer.json')) as unknown,
  tokenizerConfig: JSON.parse(readText('tokenizer_config.json')) as unknown,
};
const chatMl = readText('chat_template.jinja');
const withTemplate = (chatTemplate: string): Tokenizer => loadTokenizer({ ...files, chatTemplate });
const usual = withTemplate(chatMl);

async function* rowsOf(lines: readonly RowFields[]): AsyncGenerator<Row> {
  for (const [index, fields] of lines.entries()) yield { index, place: `data.jsonl, line ${index + 1}`, fields };
}
const prepare = (lines: readonly RowFields[], by = usual, options: Parameters<typeof prepareDataset>[2] = {}) =>
  prepareDataset(rowsOf(lines), by, options);
const first = async (
  line: RowFields,
  by = usual,
  options: Parameters<typeof prepareDataset>[2] = {},
): Promise<TrainExample> => (await prepare([line], by, options)).examples.at(0);
const learned = ({ ids, mask }: TrainExample, by = usual): string =>
  by.decode([...ids].filter((_id, t) => mask[t] === 1));

const say = (role: string, content: string, more: RowFields = {}): RowFields => ({ role, content, ...more });
const chat = [say('user', 'the cat'), say('assistant', 'sat'), say('user', 'the mat'), say('assistant', 'there')];

test('a template that asks otherwise than it trains is refused, naming the row and where they part', async () => {
  // As templates of reasoning models do: the prompt opens a block that the trained chat does not have.
  const thinking = withTemplate(
    chatMl.replace("{{ '<|im_start|>assistant\\n' }}", "{{ '<|im_start|>assistant\\n<think>\\n' }}"),
  );
  await assert.rejects(prepare([{ messages: chat }, { messages: chat }], thinking), (error: Error) => {
    assert.match(
      error.message,
      /^data\.jsonl, line 1: the chat template does not round-trip: the prompt with its generation prompt goes on with "<think>\\n" after ".*assistant\\n", the trained chat with "there/,
    );
    assert.match(error.message, /data\.allowTemplateMismatch trains anyway$/);
    return error instanceof RangeError;
  });
  const allowed = await prepare([{ messages: chat }], thinking, { allowTemplateMismatch: true });
  assert.deepEqual(allowed.templateMismatches, [0]);
  assert.match(
    summaryLines(summarizeDataset(allowed, thinking), allowed).join('\n'),
    /Warning: 1 chats are asked otherwise than they are trained: input line 1/,
  );
  const forgetful = withTemplate(
    "{% for m in messages %}{{ m.role + loop.length|string + ': ' + m.content + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant' }}{% endif %}",
  );
  await assert.rejects(prepare([{ messages: chat }], forgetful), /does not round-trip/);
  await assert.rejects(
    prepare([{ prompt: chat.slice(0, 1), completion: chat.slice(1, 2) }], forgetful),
    /does not round-trip/,
  );
  // Nobody is asked where the user speaks last, or nobody spoke before.
  await prepare([{ messages: chat.slice(0, 1) }, { messages: chat.slice(1, 2) }], forgetful);
});

test('masks that land on others than the assistant are refused', async () => {
  const early = withTemplate(
    chatMl.replace(
      "{% else %}{{ message['content'] + '<|im_end|>' }}",
      "{% else %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}",
    ),
  );
  await assert.rejects(
    prepare([{ messages: chat }], early, { loss: 'assistant' }),
    /line 1: the chat template does not round-trip: token \d+, .* is learned before the assistant’s first turn/,
  );
  const onlyFirst = withTemplate(
    chatMl.replace(
      "{% if message['role'] == 'assistant' %}",
      "{% if message['role'] == 'assistant' and loop.index == 2 %}",
    ),
  );
  await assert.rejects(
    prepare([{ messages: chat }], onlyFirst, { loss: 'assistant' }),
    /no token of the last answer is learned/,
  );
  await prepare([{ messages: chat }], usual, { loss: 'assistant' });
});

test('the assistant’s tokens are found without generation blocks, as with them', async () => {
  const plain = withTemplate(chatMl.replaceAll(/\{% (end)?generation %\}/g, ''));
  const marked = await first({ messages: chat }, usual, { loss: 'assistant' });
  const found = await first({ messages: chat }, plain, { loss: 'assistant' });
  assert.deepEqual(found.ids, marked.ids);
  assert.equal(learned(marked), 'sat<|im_end|>there<|im_end|>');
  // What follows a message within the chat is its own: here the line end.
  assert.equal(learned(found), 'sat<|im_end|>\nthere<|im_end|>\n');
});

test('messages that weigh 0 are not learned', async () => {
  const weighed = [chat[0], { ...chat[1], weight: 0 }, chat[2], chat[3]] as RowFields[];
  assert.equal(learned(await first({ messages: weighed })), 'there<|im_end|>\n');
  assert.equal(learned(await first({ messages: weighed }, usual, { loss: 'assistant' })), 'there<|im_end|>');
  const masked = [{ ...chat[0], loss_mask: true }, chat[1]] as RowFields[];
  assert.equal(learned(await first({ messages: masked })), '<|im_start|>user\nthe cat<|im_end|>\nsat<|im_end|>\n');
  const all = learned(await first({ messages: weighed }, usual, { loss: 'all' }));
  assert.ok(all.includes('the cat') && !all.includes('sat') && all.includes('there'));
  const pair = { prompt: chat.slice(0, 1), completion: [{ ...chat[1], weight: 0 }, chat[2], chat[3]] as RowFields[] };
  assert.equal(learned(await first(pair)), 'there<|im_end|>\n');
  // The template never sees the weights.
  assert.deepEqual((await first({ messages: weighed })).ids, (await first({ messages: chat })).ids);
  for (const [extra, message] of [
    [{ weight: 0.5 }, /messages\[1\]\.weight: expected 0 or 1 but found 0\.5/],
    [{ weight: 1, loss_mask: 1 }, /messages\[1\]: expected weight or loss_mask but found both/],
  ] as const)
    await assert.rejects(prepare([{ messages: [chat[0], { ...chat[1], ...extra }] as RowFields[] }]), message);
});

test('ShareGPT’s speakers, a system column and OpenAI’s parallel_tool_calls reach the template', async () => {
  const shared = {
    conversations: [
      { from: 'human', value: 'the cat' },
      { from: 'gpt', value: 'sat' },
    ],
    system: 'the mat',
  };
  assert.equal(
    usual.decode([...(await first(shared)).ids]),
    '<|im_start|>system\nthe mat<|im_end|>\n<|im_start|>user\nthe cat<|im_end|>\n<|im_start|>assistant\nsat<|im_end|>\n',
  );
  const parallel = withTemplate(`{{ parallel_tool_calls }}${chatMl}`);
  assert.ok(
    parallel
      .decode([...(await first({ messages: chat, parallel_tool_calls: false }, parallel)).ids])
      .startsWith('False<|im_start|>'),
  );
  await assert.rejects(
    prepare([{ messages: [say('user', 'x', { content: [{ type: 'image_url' }] })] }]),
    /content\[0\]: expected a part of type text/,
  );
});

test('an untrained stop token is refused, also where all examples are only cut', async () => {
  const stopless = withTemplate(
    "{% for m in messages %}{{ m.role + '\\n' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant\\n' }}{% endif %}",
  );
  const data = await prepare([{ messages: chat }], stopless);
  const summary = summarizeDataset(data, stopless);
  assert.equal(summary.stopsSupervised, 0);
  assert.throws(
    () => refuseUntrainedStop(summary, stopless),
    /No example trains the stop token \(<\|im_end\|>\), .*data\.allowUntrainedStop trains anyway/,
  );
  const cut = await prepare([{ messages: chat }], usual, { maxLength: 4 });
  assert.throws(
    () => refuseUntrainedStop(summarizeDataset(cut, usual), usual),
    /every example is cut before its end, so a larger data\.maxLength may help/,
  );
  assert.match(
    summaryLines(summarizeDataset(cut, usual), cut).join('\n'),
    /Warning: no stop token is supervised.*every example was cut before its end/,
  );
  const ids = usual.encode('the cat sat');
  const tokens = await prepare([{ input_ids: ids }, { input_ids: ids, labels: ids.map(() => -100) }]);
  assert.deepEqual([tokens.examples.count, tokens.dropped.length], [1, 1]);
  assert.throws(() => refuseUntrainedStop(summarizeDataset(tokens, usual), usual), /the token ids leave it out/);
  await assert.rejects(
    prepare([{ input_ids: [5, 10 ** 6] }]),
    /line 1: input_ids: expected token ids below \d+ but found 1000000/,
  );
});

test('token ids are masked by labels, assistant_masks and, where the loss is the completion, completion_mask', async () => {
  const ids = usual.encode('the cat sat');
  const half = ids.map((_id, t) => (t < 2 ? 0 : 1));
  const mask = async (fields: RowFields, loss?: 'all' | 'completion' | 'assistant'): Promise<number[]> => [
    ...(await first({ input_ids: ids, ...fields }, usual, loss === undefined ? {} : { loss })).mask,
  ];
  assert.deepEqual(await mask({ completion_mask: half }), half);
  assert.deepEqual(
    await mask({ completion_mask: half }, 'all'),
    ids.map(() => 1),
  );
  assert.deepEqual(await mask({ assistant_masks: half }), half);
  await assert.rejects(mask({}, 'completion'), /Loss completion expects token ids with a completion_mask/);
  await assert.rejects(mask({}, 'assistant'), /Loss assistant expects token ids with assistant_masks/);
});

test('what evaluation shares with training is found, whoever says it and however it is spaced', async () => {
  const train = await prepare([
    { prompt: 'the cat', completion: ' sat' },
    { messages: chat.slice(0, 2) },
    { prompt: 'the mat', completion: ' there' },
  ]);
  const held = await prepare([
    { prompt: 'The  MAT ', completion: 'there' },
    { prompt: 'the cat', completion: ' there' },
    { prompt: 'there', completion: ' sat' },
    { prompt: [say('user', 'the cat')], completion: [say('assistant', 'Sat')] },
  ]);
  const overlap = overlapOf(train.examples, held.examples);
  assert.deepEqual(overlap, { whole: 2, promptOnly: 1, example: { train: 2, held: 0 } });
  assert.deepEqual(overlapLines(overlap, 4, train, held), [
    'Warning: 2 of 4 evaluation examples are in the training data, 1 more share their prompt with it: data.jsonl, line 1 is data.jsonl, line 3',
  ]);
  const none = overlapOf(train.examples, (await prepare([{ text: 'another' }])).examples);
  assert.deepEqual([none, overlapLines(none, 1, train, held)], [{ whole: 0, promptOnly: 0 }, []]);
});
