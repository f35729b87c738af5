import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generate, type GenerateOptions, type GenerationEvent, streamGenerate } from '../../src/loop/generate.ts';
import { jsonRule } from '../../src/loop/jsonSchema.ts';
import { openModel, tokenizerOf } from '../../src/loop/model.ts';
import { score } from '../../src/loop/score.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { collect } from '../parity.ts';

const engine = ortEngine({ threads: 2 });
const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url));
const loaded = await openModel({ model: nano, engine });
const tokenizer = tokenizerOf(loaded);
after(async () => {
  await loaded.close();
  engine.close();
});

const ask = (content: string) =>
  tokenizer.applyChatTemplate([{ role: 'user', content }], { addGenerationPrompt: true }).ids;
const prompts = ['What is 2 plus 3?', 'Say again: red two Emma blue'].map((content, index) => ({
  index,
  ids: ask(content),
}));
const run = (options: Partial<GenerateOptions>) => collect(generate(loaded, prompts, { maxNewTokens: 24, ...options }));

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 8 },
    count: { type: 'integer' },
    list: { type: 'array', items: { type: 'boolean' }, maxItems: 2 },
  },
  required: ['name', 'list'],
};

for (const temperature of [0, 1.5]) {
  test(`JSON of a schema at temperature ${temperature}: whole where it ended, a beginning of one where it was cut`, async () => {
    const lines = await run({ json: jsonRule(schema), temperature, samples: 3, maxNewTokens: 160 });
    assert.equal(lines.length, 6);
    let whole = 0;
    for (const { text, finishReason } of lines) {
      if (finishReason === 'length') continue;
      const value = JSON.parse(text) as { name: unknown; list: unknown[] };
      assert.equal(typeof value.name, 'string');
      assert.ok(value.list.length <= 2 && value.list.every((each) => typeof each === 'boolean'));
      whole++;
    }
    assert.ok(whole > 0, JSON.stringify(lines.map(({ text }) => text)));
  });
}

test('several samples: told apart, reproducible, the first one as if it were alone, however they are batched', async () => {
  const many = await run({ samples: 3, temperature: 1, seed: 5 });
  assert.deepEqual(
    many.map(({ index, sample }) => [index, sample]),
    [0, 1].flatMap((index) => [0, 1, 2].map((sample) => [index, sample])),
  );
  assert.ok(new Set(many.map(({ ids }) => ids.join())).size > 2);
  const again = await run({ samples: 3, temperature: 1, seed: 5, batchSize: 2 });
  assert.deepEqual(again, many);
  const alone = await run({ temperature: 1, seed: 5 });
  assert.deepEqual(
    alone.map(({ ids }) => ids),
    many.filter(({ sample }) => sample === 0).map(({ ids }) => ids),
  );
});

test('a stop string ends a row and is cut off', async () => {
  const [whole] = await run({});
  const text = whole?.text ?? assert.fail();
  const stop = text.slice(Math.floor(text.length / 2), Math.floor(text.length / 2) + 1);
  const [cut] = await run({ stop: [stop] });
  assert.equal(cut?.text, text.slice(0, text.indexOf(stop)));
  assert.equal(cut?.finishReason, 'stop');
});

test("log-probabilities are those that scoring gives; the sampler's are of the filtered law", async () => {
  const lines = await run({ logprobs: 2, temperature: 1, topK: 1 });
  const examples = lines.map(({ ids }, index) => {
    const all = [...(prompts[index]?.ids ?? []), ...ids];
    return { index, ids: Int32Array.from(all), mask: new Uint8Array(all.length).fill(1) };
  });
  const scored = await collect(score(loaded, examples, { batchSize: 2 }));
  lines.forEach(({ ids, logprobs = [] }, index) => {
    const start = prompts[index]?.ids.length ?? 0;
    ids.forEach((id, t) => {
      const want = scored[index]?.logprobs[start + t] ?? Number.NaN;
      assert.ok(Math.abs((logprobs[t]?.logprob ?? 0) - want) < 1e-4);
      assert.equal(logprobs[t]?.samplerLogprob, 0);
      assert.equal(logprobs[t]?.top[0]?.id, id);
      assert.equal(logprobs[t]?.top.length, 2);
    });
  });
});

test('a repetition penalty changes what is most likely', async () => {
  const plain = await run({});
  const penalised = await run({ repetitionPenalty: 3 });
  assert.notDeepEqual(
    penalised.map(({ ids }) => ids),
    plain.map(({ ids }) => ids),
  );
});

test('text comes while it is made, and adds up to the results', async () => {
  const events: GenerationEvent[] = await collect(streamGenerate(loaded, prompts, { maxNewTokens: 24 }));
  const texts = new Map<number, string>();
  for (const event of events)
    if (event.type === 'text') texts.set(event.index, (texts.get(event.index) ?? '') + event.text);
  const done = events.flatMap((event) => (event.type === 'done' ? [event.generation] : []));
  assert.equal(done.length, 2);
  for (const { index, text } of done) assert.equal(texts.get(index) ?? '', text);
  const whole = await collect(generate(loaded, prompts, { maxNewTokens: 24 }));
  assert.deepEqual(
    whole,
    done.toSorted((a, b) => a.index - b.index),
  );
  assert.ok(whole.some(({ text }) => text !== ''));
  assert.ok(events.findIndex(({ type }) => type === 'done') > 1);
});
