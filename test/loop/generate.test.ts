import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, test } from 'node:test';
import type { Tokenizer } from '../../src/hub/tokenizer.ts';
import { generate, type GenerateOptions, type Generation, type Prompt } from '../../src/loop/generate.ts';
import { type LoadedModel, openModel, tokenizerOf } from '../../src/loop/model.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { collect, fixture, readFixture } from '../parity.ts';

const ort = ortEngine({ threads: 2 });
const reference = referenceEngine();
after(() => ort.close());

const greedy: GenerateOptions = { maxNewTokens: 12, batchSize: 8, temperature: 0, topK: 0, topP: 1, seed: 0 };
const promptsOf = (ids: readonly (readonly number[])[]): Prompt[] => ids.map((row, index) => ({ index, ids: row }));
const idsOf = (lines: readonly Generation[]): (readonly number[])[] => lines.map(({ ids }) => ids);

/** Ids alone matter for checkpoints without a tokenizer; nothing stops a row. */
const endless = { eosTokenIds: [] as number[], decode: () => '' } as unknown as Tokenizer;

async function open(name: string, engine: Engine): Promise<LoadedModel> {
  const loaded = await openModel({ model: fixture(`models/${name}`), engine });
  return loaded.tokenizer ? loaded : { ...loaded, tokenizer: endless };
}

interface Expected {
  generation: { prompts: number[][]; ids: number[][] };
}

for (const name of readdirSync(fixture('models')).filter((each) => each !== 'chat')) {
  test(`${name}: greedy tokens are transformers', alone and in batches of different lengths`, async () => {
    const { generation } = readFixture(`models/${name}/expected.json`) as Expected;
    const loaded = await open(name, ort);
    for (const batchSize of [1, 2]) {
      const lines = await collect(generate(loaded, promptsOf(generation.prompts), { ...greedy, batchSize }));
      assert.deepEqual(idsOf(lines), generation.ids, `batch size ${batchSize}`);
      assert.ok(lines.every(({ finishReason }) => finishReason === 'length'));
    }
    await loaded.close();
  });
}

test("greedy tokens on the reference engine are transformers'", async () => {
  const { generation } = readFixture('models/default/expected.json') as Expected;
  const loaded = await open('default', reference);
  const lines = await collect(
    generate(loaded, promptsOf(generation.prompts), { ...greedy, maxNewTokens: 3, batchSize: 2 }),
  );
  assert.deepEqual(
    idsOf(lines),
    generation.ids.map((ids) => ids.slice(0, 3)),
  );
  await loaded.close();
});

interface Chat {
  rows: { promptIds?: number[]; newIds?: number[]; newText?: string }[];
}

const chat = (readFixture('models/chat/expected.json') as Chat).rows.filter(({ promptIds }) => promptIds);
const chatPrompts = promptsOf(chat.map(({ promptIds }) => promptIds ?? []));

test("chat: ids, text and the reason of the end are transformers'", async () => {
  const loaded = await open('chat', ort);
  const lines = await collect(generate(loaded, chatPrompts, greedy));
  lines.forEach(({ ids, text, finishReason }, i) => {
    assert.deepEqual(ids, chat[i]?.newIds);
    assert.equal(text, chat[i]?.newText);
    assert.equal(finishReason, ids.at(-1) === tokenizerOf(loaded).eosTokenIds[0] ? 'stop' : 'length');
  });
  await loaded.close();
});

test('a row ends at its own stop token while others go on', async () => {
  const loaded = await open('default', ort);
  const { generation } = readFixture('models/default/expected.json') as Expected;
  const [first = [], second = []] = generation.ids;
  const stop = first[3] ?? assert.fail('no token');
  const at = second.indexOf(stop);
  const stopping: LoadedModel = { ...loaded, tokenizer: { ...endless, eosTokenIds: [stop] } };
  const lines = await collect(generate(stopping, promptsOf(generation.prompts), greedy));
  assert.deepEqual(idsOf(lines), [first.slice(0, first.indexOf(stop) + 1), at < 0 ? second : second.slice(0, at + 1)]);
  assert.deepEqual(
    lines.map(({ finishReason }) => finishReason),
    ['stop', at < 0 ? 'length' : 'stop'],
  );
  await loaded.close();
});

test('samples depend on the seed and not on how prompts are batched', async () => {
  const loaded = await open('default', ort);
  const { generation } = readFixture('models/default/expected.json') as Expected;
  const prompts = promptsOf([
    ...generation.prompts,
    [5],
    [7, 9, 11],
    ...generation.prompts.map((ids) => ids.slice(3, 20)),
  ]);
  const sample = async (changes: Partial<GenerateOptions>) =>
    idsOf(await collect(generate(loaded, prompts, { ...greedy, temperature: 1, seed: 4, ...changes })));
  const whole = await sample({});
  assert.deepEqual(await sample({}), whole);
  for (const batchSize of [1, 4]) assert.deepEqual(await sample({ batchSize }), whole, `batch size ${batchSize}`);
  assert.notDeepEqual(await sample({ seed: 5 }), whole);
  assert.notDeepEqual(whole[0], generation.ids[0]);
  const top = await sample({ topK: 1 });
  assert.deepEqual(top.slice(0, 2), generation.ids);
  assert.deepEqual(await sample({ temperature: 0 }), top);
  await loaded.close();
});

test('prompts that cannot be are refused by their line', async () => {
  const loaded = await open('default', ort);
  const run = (ids: number[], changes: Partial<GenerateOptions> = {}) =>
    collect(
      generate(
        loaded,
        [
          { index: 0, ids: [1] },
          { index: 6, ids },
        ],
        { ...greedy, ...changes },
      ),
    );
  await assert.rejects(run([]), /at least one token at input line 7 but found none/);
  await assert.rejects(run([3, 64]), /below 64 but found 64 at input line 7/);
  await assert.rejects(run([-1]), /below 64 but found -1/);
  await assert.rejects(run([5], { maxNewTokens: 100_000 }), /at most \d+ tokens but input line 1/);
  await loaded.close();
});

test('an abort stops between tokens', async () => {
  const loaded = await open('default', ort);
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await assert.rejects(collect(generate(loaded, promptsOf([[4, 5]]), { ...greedy, signal: stop.signal })), /enough/);
  await loaded.close();
});
