import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tokenStream } from '../../src/hub/token-stream.ts';
import { loadTokenizer, type Message, type Tokenizer } from '../../src/hub/tokenizer.ts';

type Case = { text: string; ids: number[]; decoded: string; plain: string };
type ChatCase = { messages: Message[]; addGenerationPrompt: boolean; text: string; ids: number[]; mask?: number[] };
type Chats = { template: string; cases: ChatCase[] };
type Fixture = { tokenizer: object; config: object; cases: Case[]; chat?: Chats; generation?: Chats };

const fixtures = fileURLToPath(new URL('../fixtures/text', import.meta.url));
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const fixture = (name: string): Fixture => readJson(join(fixtures, `tokenizer-${name}.json`)) as Fixture;
const load = ({ tokenizer, config }: Fixture, chatTemplate?: string): Tokenizer =>
  loadTokenizer({
    tokenizerJson: tokenizer,
    tokenizerConfig: config,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  });

function checkTexts(tokenizer: Tokenizer, cases: Case[]): void {
  assert.ok(cases.length > 30);
  for (const { text, ids, decoded, plain } of cases) {
    assert.deepEqual(tokenizer.encode(text), ids, `ids of ${JSON.stringify(text)}`);
    assert.equal(tokenizer.decode(ids), decoded);
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), plain);
    const stream = tokenStream(tokenizer);
    assert.equal(ids.map((id) => stream.push(id)).join('') + stream.end(), decoded, `streamed ${JSON.stringify(text)}`);
  }
}

function checkChats(tokenizer: Tokenizer, cases: ChatCase[]): void {
  for (const { messages, addGenerationPrompt, text, ids, mask } of cases) {
    const chat = tokenizer.applyChatTemplate(messages, {
      addGenerationPrompt,
      returnAssistantMask: mask !== undefined,
    });
    assert.equal(chat.text, text);
    assert.deepEqual(chat.ids, ids);
    if (mask !== undefined) assert.deepEqual(chat.assistantMask, mask, text);
  }
}

for (const name of ['bytes', 'llama3', 'sentencepiece', 'wordpiece']) {
  test(`a ${name} tokenizer gives transformers' ids and texts`, () => {
    const made = fixture(name);
    checkTexts(load(made), made.cases);
  });
}

test('chats are rendered, tokenised and masked as by transformers', () => {
  const { bytes, llama3 } = { bytes: fixture('bytes'), llama3: fixture('llama3') };
  for (const made of [bytes, llama3]) {
    assert.ok(made.chat && made.generation);
    checkChats(load(made, made.chat.template), made.chat.cases);
  }
  assert.ok(bytes.generation);
  assert.ok(bytes.generation.cases.some(({ mask }) => mask?.includes(1)));
  checkChats(load(bytes, bytes.generation.template), bytes.generation.cases);
});

test('an answer that begins with a space is learned, where transformers loses it to trimmed offsets', () => {
  const made = fixture('llama3');
  assert.ok(made.generation);
  const tokenizer = load(made, made.generation.template);
  for (const { messages, addGenerationPrompt, mask = [] } of made.generation.cases) {
    const { assistantMask = [], ids } = tokenizer.applyChatTemplate(messages, {
      addGenerationPrompt,
      returnAssistantMask: true,
    });
    const learned = tokenizer.decode(ids.filter((_id, t) => assistantMask[t] === 1));
    const answers = messages
      .filter(({ role }) => role === 'assistant')
      .map(({ content }) => `${content as string}<|im_end|>`);
    assert.equal(learned, answers.join(''));
    assert.ok(mask.every((bit, t) => bit === 0 || assistantMask[t] === 1));
  }
});

test('special tokens: ids, stops, the vocabulary', () => {
  const made = fixture('bytes');
  const tokenizer = load(made);
  assert.equal(tokenizer.bosTokenId, 1);
  assert.deepEqual(tokenizer.eosToken, { text: '<|im_end|>', id: 2 });
  assert.deepEqual(tokenizer.eosTokenIds, [2]);
  assert.deepEqual(
    loadTokenizer({ tokenizerJson: made.tokenizer, tokenizerConfig: made.config }, { eos_token_id: [2, 0] })
      .eosTokenIds,
    [2, 0],
  );
  assert.equal(tokenizer.vocabSize, 420);
  assert.deepEqual([...tokenizer.specialIds], [0, 1, 2]);
  assert.equal(tokenizer.tokenText(2), '<|im_end|>');
  assert.throws(() => tokenizer.tokenText(420), RangeError);
  assert.throws(() => tokenizer.decode([5, 999]), /below 420 but found 999/);
});

test('ByteLevel that adds a space splits where one that adds none does', () => {
  const { tokenizer, config } = fixture('bytes');
  const withPrefix = (add_prefix_space: boolean): Tokenizer => {
    const pre_tokenizer = { type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true };
    return loadTokenizer({ tokenizerJson: { ...tokenizer, pre_tokenizer }, tokenizerConfig: config });
  };
  for (const text of [' the \ufeffquick  fox', ' a\u0085b \u0085\ufeff', " don't  12 "]) {
    assert.deepEqual(withPrefix(true).encode(text), withPrefix(false).encode(text));
    assert.deepEqual(withPrefix(true).encode(text.slice(1)), withPrefix(false).encode(text));
  }
});

test('files that are no tokenizer are refused with a sentence', () => {
  const { tokenizer, config } = fixture('bytes');
  assert.throws(() => loadTokenizer({ tokenizerJson: [] }), /tokenizer\.json: expected an object/);
  assert.throws(() => loadTokenizer({ tokenizerJson: { model: { vocab: { a: 2 ** 40 } } } }), /below 16777216/);
  assert.throws(
    () => loadTokenizer({ tokenizerJson: { ...tokenizer, model: { type: 'Odd', vocab: {} } } }),
    /tokenizer\.json/,
  );
  assert.throws(
    () => loadTokenizer({ tokenizerJson: { ...tokenizer, added_tokens: [{ id: -1, content: 'x' }] } }),
    /added_tokens\[0\]/,
  );
  const plain = loadTokenizer({ tokenizerJson: tokenizer, tokenizerConfig: config });
  assert.throws(() => plain.applyChatTemplate([{ role: 'user', content: 'x' }]), /no chat template/);
  const chatML = load(fixture('bytes'), '{{ messages[0].content }}');
  assert.throws(
    () => chatML.applyChatTemplate([{ role: 'user', content: 'x' }], { returnAssistantMask: true }),
    /generation/,
  );
  assert.throws(() => chatML.applyChatTemplate([]), RangeError);
});

test('a template for tools is taken where tools are given', () => {
  const { tokenizer, config } = fixture('bytes');
  const chat_template = [
    { name: 'default', template: 'plain' },
    { name: 'tool_use', template: 'tools:{{ tools | length }}' },
  ];
  const made = loadTokenizer({ tokenizerJson: tokenizer, tokenizerConfig: { ...config, chat_template } });
  const messages = [{ role: 'user', content: 'x' }];
  assert.equal(made.applyChatTemplate(messages).text, 'plain');
  assert.equal(made.applyChatTemplate(messages, { tools: [{}, {}] }).text, 'tools:2');
  assert.equal(made.applyChatTemplate(messages, { tools: [{}], template: 'default' }).text, 'plain');
  const asked = { tools: [], variables: { chat_template: 'default' } };
  assert.equal(made.applyChatTemplate(messages, asked).text, 'plain');
  assert.throws(
    () => made.applyChatTemplate(messages, { template: 'rag' }),
    /Expected the name of a chat template \(default, tool_use\) but found rag/,
  );
});

const shared = process.env['TUNELOOP_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url));
const real = join(shared, 'models', 'smollm2-135m-instruct');
const skip = existsSync(join(real, 'tokenizer.json')) ? false : 'the shared folder with SmolLM2 is not here';

test("SmolLM2's tokenizer and template give transformers' ids", { skip }, () => {
  const files = {
    tokenizerJson: readJson(join(real, 'tokenizer.json')),
    tokenizerConfig: readJson(join(real, 'tokenizer_config.json')),
  };
  const tokenizer = loadTokenizer({ ...files, chatTemplate: readFileSync(join(real, 'chat_template.jinja'), 'utf8') });
  const { cases, chat, generation } = readJson(join(fixtures, 'smollm2.json')) as Required<Fixture> & {
    chat: ChatCase[];
  };
  checkTexts(tokenizer, cases);
  checkChats(tokenizer, chat);
  checkChats(loadTokenizer({ ...files, chatTemplate: generation.template }), generation.cases);
});
