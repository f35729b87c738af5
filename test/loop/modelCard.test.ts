import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { cardLicense } from '../../src/hub/cardLicense.ts';
import { tune } from '../../src/index.ts';
import type { MetricsLine } from '../../src/loop/events.ts';
import { modelCard, type ModelCardInput } from '../../src/loop/modelCard.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-card-'));
after(() => rmSync(folder, { recursive: true }));
const front = (card: string): unknown => parse(/^---\n([\s\S]*?)\n---/.exec(card)?.[1] ?? '');
const commit = '0123456789abcdef0123456789abcdef01234567';
const evaluation = (step: number, evalLoss: number): MetricsLine => ({
  type: 'eval',
  step,
  evalLoss,
  supervisedTokens: 3,
  evalMs: 1,
});
const input: ModelCardInput = {
  config: parseConfig({
    model: { path: `org/base@${commit}` },
    data: { path: [`org/chats@${commit}`, '/home/me/own: data.jsonl'], evalPath: '/home/me/e.jsonl' },
  }),
  run: {
    versions: { tuneloop: '0.1.0' },
    fingerprints: { model: 'abc', data: 'def' },
    engine: { name: 'ort', precision: 'fp32' },
    parameters: { all: 1000, trained: 50 },
    preview: { notes: ['4 examples'], example: [] },
  },
  metrics: [
    evaluation(0, 3),
    evaluation(5, 2),
    evaluation(10, 2.5),
    { type: 'done', stopReason: 'completed', step: 10, adapterStep: 5, seconds: 1 },
  ],
  kind: 'adapter',
  classifies: false,
  license: 'apache-2.0',
};

test("the header is what the hub reads: the base by its id, its licence, the hub's data sets alone", () => {
  assert.deepEqual(front(modelCard(input)), {
    base_model: 'org/base',
    library_name: 'peft',
    pipeline_tag: 'text-generation',
    license: 'apache-2.0',
    datasets: ['org/chats'],
    tags: ['base_model:adapter:org/base', 'lora', 'sft', 'transformers', 'tuneloop'],
  });
  const whole = front(modelCard({ ...input, kind: 'model', classifies: true, license: undefined }));
  assert.deepEqual(whole, {
    base_model: 'org/base',
    base_model_relation: 'finetune',
    library_name: 'transformers',
    pipeline_tag: 'text-classification',
    datasets: ['org/chats'],
    tags: ['sft', 'transformers', 'tuneloop'],
  });
});

test('the text says what was measured of the weights that lie there, and tells nobody the folders of the machine', () => {
  const card = modelCard(input);
  assert.match(card, /\| before \| after step 5 \|[\s\S]*\| 3\.0000 \| 2\.0000 \|/);
  assert.match(card, /The weights are those of step 5/);
  assert.match(card, /org\/chats, own: data\.jsonl/);
  assert.doesNotMatch(card, /home\/me|undefined|NaN/);
  assert.match(modelCard({ ...input, metrics: [] }), /Nothing was held out/);
});

test("a base's licence is read from its card", async () => {
  const write = (text: string): void => writeFileSync(join(folder, 'README.md'), text);
  assert.equal(await cardLicense(folder), undefined);
  for (const [text, license] of [
    ['---\nlicense: apache-2.0\ntags: [a]\n---\n# Model', 'apache-2.0'],
    ['---\r\nlicense: mit\r\n---\r\n', 'mit'],
    ['# Model\nlicense: mit', undefined],
    ['---\nlicense: [mit]\n---\n', undefined],
    ['---\na: b: c\n---\n', undefined],
    ['---\nlicense: mit', undefined],
  ] as const) {
    write(text);
    assert.equal(await cardLicense(folder), license, text);
  }
});

test("a run's adapter and a model that was trained whole carry their cards", async () => {
  const model = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
  const data = join(folder, 'data.jsonl');
  writeFileSync(data, `${JSON.stringify({ prompt: '2 + 2 =', completion: ' 4' })}\n`);
  for (const [type, place] of [
    ['lora', 'adapter'],
    ['none', 'model'],
  ] as const) {
    const out = join(folder, type);
    await tune({ model: { path: model }, data: { path: data }, adapter: { type }, train: { maxSteps: 1 } }, { out })
      .summary;
    const card = readFileSync(join(out, place, 'README.md'), 'utf8');
    assert.match(card, /1 steps/);
    assert.equal((front(card) as { library_name: string }).library_name, place === 'adapter' ? 'peft' : 'transformers');
  }
});
