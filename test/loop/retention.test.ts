import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TuneConfigInput } from '../../src/loop/config.ts';
import type { ForgettingEvent, MetricsLine } from '../../src/loop/events.ts';
import { newRunFolder, openRunFolder } from '../../src/loop/runFolder.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { tune } from '../../src/loop/tune.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { fixture } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-retention-'));
process.env['TUNELOOP_CACHE'] = join(folder, 'cache');
const engine = ortEngine({ threads: 1 });
after(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});
const rows = Array.from({ length: 12 }, (_, i) => ({ prompt: `What is ${i} + 1?`, completion: ` ${i + 1}!` }));
const data = join(folder, 'train.jsonl');
writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

type Input = Omit<TuneConfigInput, 'model' | 'data'> & { readonly data?: Partial<TuneConfigInput['data']> };

async function run(name: string, input: Input = {}) {
  const config = parseConfig({
    model: { path: fixture('models/chat') },
    ...input,
    data: { path: data, maxLength: 64, ...input.data },
    optimizer: { learningRate: 3e-2, ...input.optimizer },
    train: { batchSize: 4, maxSteps: 4, ...input.train },
  });
  const runFolder = await newRunFolder(join(folder, name));
  const summary = await tune(config, { runFolder, engine, host: { versions: {} }, emit: () => {} });
  const metrics = await runFolder.metrics();
  const kept = metrics.filter((line): line is ForgettingEvent => line.type === 'forgetting');
  return { summary, metrics, kept, config: (await runFolder.read()).config, path: runFolder.path };
}

const drifts = (metrics: readonly MetricsLine[]) => metrics.filter((line) => line.type === 'drift');

test('every run measures what it forgets before, halfway and after, and how far it drifted', async () => {
  const { summary, metrics, kept, config } = await run('plain');
  assert.equal(config.forgetting.steps, 2);
  assert.deepEqual(
    kept.map(({ step }) => step),
    [0, 2, 4],
  );
  const [before, , end] = kept;
  assert.ok(before && end);
  assert.ok(Math.abs(before.forgetting.value) < 1e-5 && before.klNats.own.value < 1e-9);
  assert.ok((end.forgetting.low ?? 0) > 0, 'weights that were driven away lose what they could');
  assert.ok(end.klNats.own.value > 0.01 && end.klNats.target.value > 0.01);
  assert.ok(Math.abs(end.texts.own.loss - end.texts.own.baseLoss - end.texts.own.change.value) < 1e-9);
  const [drift] = drifts(metrics);
  assert.ok(drift?.type === 'drift' && drift.distance !== undefined && drift.distance > 0);
  assert.ok(Object.keys(drift.layers ?? {}).some((name) => name.startsWith('layers.')));
  assert.equal(metrics.at(-1)?.type, 'done');
  assert.deepEqual(summary.outcome?.forgetting?.forgetting, end.forgetting);
  assert.deepEqual(summary.outcome?.gain, {}, 'without held-out data there is no gain to tell');
});

test("the base's figures come from the cache where the same were measured before", async () => {
  const still: Input = { optimizer: { learningRate: 0 } };
  await run('filling', still);
  const cache = join(folder, 'cache', 'base');
  for (const file of readdirSync(cache)) {
    const text = readFileSync(join(cache, file), 'utf8');
    const base = JSON.parse(text) as { sets: { general: { logprobs: number[][] } } };
    base.sets.general.logprobs = base.sets.general.logprobs.map((each) => each.map((value) => value - 1));
    writeFileSync(join(cache, file), JSON.stringify(base));
  }
  const { kept } = await run('cached', still);
  assert.ok(Math.abs((kept.at(-1)?.texts.general.change.value ?? 0) + 1) < 1e-5);
  for (const file of readdirSync(cache)) writeFileSync(join(cache, file), '{"key": 1}');
  const { kept: again } = await run('broken cache', still);
  assert.ok(Math.abs(again.at(-1)?.texts.general.change.value ?? 1) < 1e-5);
});

test('past the limit a run stops with the weights of the last measurement within it', async () => {
  const { kept } = await run('free', { train: { maxSteps: 8 }, forgetting: { steps: 1 } });
  const limit = kept[3]?.forgetting.value ?? assert.fail();
  const past = kept.find(({ forgetting }) => forgetting.value > limit) ?? assert.fail();
  const within = kept[kept.indexOf(past) - 1]?.step ?? assert.fail();
  const { summary, path, metrics } = await run('limited', {
    train: { maxSteps: 8, saveTotalLimit: 1 },
    forgetting: { steps: 1, max: limit },
  });
  assert.deepEqual([summary.stopReason, summary.step, summary.adapterStep], ['max-forgetting', past.step, within]);
  const file = 'adapter_model.safetensors';
  assert.deepEqual(
    readFileSync(join(path, 'adapter', file)),
    readFileSync(join(path, 'checkpoints', `step-${within}`, 'adapter', file)),
  );
  assert.equal(drifts(metrics)[0]?.step, within);
  assert.ok((summary.outcome?.forgetting?.forgetting.value ?? Infinity) <= limit);
});

test("the user's texts take the bundled ones' place in the limit; whole models are measured too", async () => {
  const user = join(folder, 'user.jsonl');
  writeFileSync(user, '{"text": "One fish, two fish."}\n{"text": "Red fish, blue fish."}\n');
  const { kept, metrics } = await run('whole', { adapter: { type: 'none' }, forgetting: { data: user } });
  const end = kept.at(-1) ?? assert.fail();
  assert.deepEqual(end.forgetting, end.texts.user?.change);
  assert.ok(end.klNats.target.value > 0);
  const [drift] = drifts(metrics);
  assert.ok(drift?.type === 'drift' && (drift.distance ?? 0) > 0);
});

test('it can be left out, and a run goes on with the figures that it began with', async () => {
  const { kept, path } = await run('without', { forgetting: { measure: false } });
  assert.deepEqual(kept, []);
  assert.ok(!existsSync(join(path, 'base.json')));
  const { path: resumed } = await run('resumed', { train: { saveSteps: 2 } });
  rmSync(join(resumed, 'base.json'));
  const warnings: string[] = [];
  const folderOf = await openRunFolder(resumed);
  const { config } = await folderOf.read();
  const longer = { ...config, train: { ...config.train, maxSteps: 6 } };
  await tune(longer, {
    runFolder: folderOf,
    engine,
    host: { versions: {} },
    resume: true,
    emit: (event) => void (event.type === 'warning' && warnings.push(event.message)),
  });
  assert.ok(warnings.some((message) => message.includes('base.json')));
});
