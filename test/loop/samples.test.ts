import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generate, loadModel, resume, tune, type RunEvent } from '../../src/index.ts';
import type { SampleSet } from '../../src/loop/samples.ts';
import { jsonLines } from '../jsonLines.ts';

const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-samples-'));
after(() => rmSync(folder, { recursive: true }));
const pairs = ['2 + 2 =| 4', 'The cat| sat there.', 'the| mat', 'two| and two'].map((pair) => pair.split('|'));
const data = join(folder, 'data.jsonl');
writeFileSync(data, pairs.map(([prompt, completion]) => `${JSON.stringify({ prompt, completion })}\n`).join(''));
const held = join(folder, 'held.jsonl');
writeFileSync(
  held,
  [
    { prompt: 'The mat', completion: ' sat.' },
    { prompt: 'two + 2 =', completion: ' 4' },
  ]
    .map((row) => `${JSON.stringify(row)}\n`)
    .join(''),
);
const setsOf = (run: string): SampleSet[] => jsonLines<SampleSet>(join(run, 'samples.jsonl'));
const config = {
  model: { path: model },
  data: { path: data, evalPath: held },
  optimizer: { learningRate: 0.05 },
  train: { maxSteps: 3, batchSize: 2 },
  samples: { prompts: 2, maxNewTokens: 5 },
};
async function answersTo(prompts: readonly string[], adapter?: string): Promise<string[]> {
  const loaded = await loadModel(model, adapter === undefined ? {} : { adapter });
  const texts: string[] = [];
  for await (const { text } of generate(loaded, prompts, { maxNewTokens: 5 })) texts.push(text);
  await loaded.close();
  return texts;
}

test("a run's samples are what base and adapter say to the held-out prompts", async () => {
  const out = join(folder, 'run');
  const events: RunEvent[] = [];
  for await (const event of tune(config, { out })) events.push(event);
  const sets = setsOf(out);
  assert.deepEqual(
    sets.map(({ step, held: from, samples }) => [
      step,
      from,
      samples.map(({ prompt, expected }) => [prompt, expected]),
    ]),
    [0, 3].map((step) => [
      step,
      true,
      [
        ['The mat', ' sat.'],
        ['two + 2 =', ' 4'],
      ],
    ]),
  );
  const prompts = ['The mat', 'two + 2 ='];
  assert.deepEqual(
    sets[0]?.samples.map(({ text }) => text),
    await answersTo(prompts),
  );
  assert.deepEqual(
    sets[1]?.samples.map(({ text }) => text),
    await answersTo(prompts, join(out, 'adapter')),
  );
  assert.equal(events.filter(({ type }) => type === 'samples').length, 2);
});

test('a run that goes on has each step once; training prompts are told as such; none are wanted with 0', async () => {
  const out = join(folder, 'stopped');
  const controller = new AbortController();
  const own = { ...config, data: { path: data } };
  const first = tune(own, { out, signal: controller.signal });
  for await (const event of first) if (event.type === 'step') controller.abort();
  assert.equal((await first.summary).stopReason, 'interrupted');
  assert.deepEqual(
    setsOf(out).map(({ step, held: from }) => [step, from]),
    [[0, false]],
  );
  await resume(out).summary;
  await resume(out, { maxSteps: 4 }).summary;
  assert.deepEqual(
    setsOf(out).map(({ step }) => step),
    [0, 3, 4],
  );
  const none = join(folder, 'none');
  await tune({ ...own, samples: { prompts: 0 } }, { out: none }).summary;
  assert.throws(() => setsOf(none), /ENOENT/);
});

test('a text without a prompt is begun, a chat is asked for its first answer', async () => {
  const rows = [
    { text: 'The cat sat there. The cat sat there.' },
    {
      messages: [
        { role: 'user', content: '2 + 2' },
        { role: 'assistant', content: '4' },
      ],
    },
  ];
  const mixed = join(folder, 'mixed.jsonl');
  writeFileSync(mixed, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const out = join(folder, 'mixed');
  await tune({ ...config, data: { path: mixed, loss: 'all', allowUntrainedStop: true } }, { out }).summary;
  const [text, chat] = setsOf(out)[0]?.samples ?? [];
  assert.ok(text && `${text.prompt}${text.expected}`.startsWith('The cat sat there.'), JSON.stringify(text));
  assert.ok(chat && chat.prompt.length > 0);
});
