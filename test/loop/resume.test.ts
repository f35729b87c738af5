import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TuneEvent } from '../../src/loop/events.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { newRunFolder, openRunFolder } from '../../src/loop/runFolder.ts';
import { tune } from '../../src/loop/tune.ts';
import type { TuneSummary } from '../../src/loop/events.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { fixture } from '../parity.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tuneloop-resume-'));
  const line = (i: number) =>
    JSON.stringify({
      prompt: `What is ${i} + ${i * 7}?`,
      completion: `The sum is ${i * 8}.${' It is.'.repeat(i % 5)}`,
    });
  await writeFile(join(folder, 'train.jsonl'), Array.from({ length: 11 }, (_, i) => line(i)).join('\n'));
  await writeFile(join(folder, 'eval.jsonl'), Array.from({ length: 3 }, (_, i) => line(100 + i)).join('\n'));
});
after(() => rm(folder, { recursive: true }));

const adapter = { r: 4, alpha: 8, dropout: 0.1 };
/** Everything of LoRA that has values of its own. */
const rich = {
  ...adapter,
  targetModules: ['q_proj', 'v_proj', 'lm_head'],
  initLoraWeights: 'pissa',
  useDora: true,
  modulesToSave: ['norm'],
  trainableTokenIndices: [5, 7],
};

type Kind = 'plain' | 'packed' | 'rich';

/** 11 rows in batches of 2, 2 a step: 3 steps an epoch, the last one of 1 batch. */
const configOf = (kind: Kind) =>
  parseConfig({
    model: { path: fixture('models/chat') },
    data: {
      path: join(folder, 'train.jsonl'),
      evalPath: join(folder, 'eval.jsonl'),
      maxLength: 48,
      packing: kind === 'packed',
    },
    adapter: kind === 'rich' ? rich : adapter,
    optimizer: { learningRate: 1e-2, weightDecay: 0.01 },
    schedule: { type: 'cosine', warmupSteps: 2 },
    train: { batchSize: 2, gradientAccumulationSteps: 2, epochs: 3, evalSteps: 4, saveSteps: 2, seed: 5 },
  });

interface RunOptions {
  readonly name: string;
  readonly resume?: boolean;
  readonly kind?: Kind;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TuneEvent) => void;
}

async function run({
  name,
  resume = false,
  kind = 'plain',
  threads = 2,
  signal,
  onEvent,
}: RunOptions): Promise<TuneSummary> {
  const path = join(folder, name);
  const engine = ortEngine({ threads });
  try {
    return await tune(configOf(kind), {
      runFolder: resume ? await openRunFolder(path) : await newRunFolder(path),
      engine,
      host: { versions: {} },
      emit: (event) => onEvent?.(event),
      resume,
      ...(signal ? { signal } : {}),
    });
  } finally {
    engine.close();
  }
}

const times = new Set(['stepMs', 'cpuMs', 'evalMs', 'measureMs', 'seconds', 'peakBytes']);

/** What a run leaves, without times. */
async function resultOf(name: string): Promise<{ adapter: Buffer; config: string; metrics: unknown[] }> {
  const path = join(folder, name);
  const lines = (await readFile(join(path, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const metrics = lines.map((line): unknown =>
    JSON.parse(line, (key, value: unknown) => (times.has(key) ? undefined : value)),
  );
  return {
    adapter: await readFile(join(path, 'adapter/adapter_model.safetensors')),
    config: await readFile(join(path, 'adapter/adapter_config.json'), 'utf8'),
    metrics,
  };
}

for (const kind of ['plain', 'packed', 'rich'] as const) {
  test(`${kind}: a run that was killed goes on from its last checkpoint, bit for bit`, async () => {
    await run({ name: `${kind}-whole`, kind });
    const whole = await resultOf(`${kind}-whole`);
    const steps = whole.metrics.filter((line) => (line as { type: string }).type === 'step').length;
    assert.ok(steps >= 5, `${steps} steps`);
    const killAt = 5;
    const killed = run({
      name: `${kind}-killed`,
      kind,
      onEvent: (event) => {
        if (event.type === 'step' && event.step === killAt) throw new Error('killed');
      },
    });
    await assert.rejects(killed, /killed/);
    let from: number | undefined;
    await run({
      name: `${kind}-killed`,
      kind,
      resume: true,
      onEvent: (event) => {
        if (event.type === 'started') from = event.resumedFrom;
      },
    });
    assert.equal(from, 4);
    assert.deepEqual(await resultOf(`${kind}-killed`), whole);
  });

  test(`${kind}: a run that was interrupted twice and resumed = unbroken`, async () => {
    const name = `${kind}-interrupted`;
    const stopAt = (step: number): Pick<RunOptions, 'signal' | 'onEvent'> => {
      const stop = new AbortController();
      const onEvent = (event: TuneEvent): void => {
        if (event.type === 'step' && event.step === step) stop.abort();
      };
      return { signal: stop.signal, onEvent };
    };
    assert.equal((await run({ name, kind, ...stopAt(1) })).stopReason, 'interrupted');
    const second = await run({ name, kind, resume: true, ...stopAt(4) });
    assert.deepEqual([second.stopReason, second.step, second.adapterStep], ['interrupted', 4, 4]);
    await run({ name, kind, resume: true });
    assert.deepEqual(await resultOf(name), await resultOf(`${kind}-whole`));
  });
}

test('a damaged checkpoint is passed over and the one before it gives the same run', async () => {
  const name = 'damaged';
  await cp(join(folder, 'plain-whole'), join(folder, name), { recursive: true });
  const file = join(folder, name, 'checkpoints/step-8/optimizer.safetensors');
  const newest = join(folder, name, 'checkpoints/step-9');
  await rm(newest, { recursive: true });
  const bytes = await readFile(file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(file, bytes);
  const warnings: string[] = [];
  let from: number | undefined;
  const onEvent = (event: TuneEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
    if (event.type === 'started') from = event.resumedFrom;
  };
  await run({ name, resume: true, onEvent });
  assert.equal(from, 6);
  assert.match(warnings.join('\n'), /step 8 is passed over: optimizer.safetensors is not what was saved/);
  assert.deepEqual(await resultOf(name), await resultOf('plain-whole'));
});

test('one thread gives the adapter of two', async () => {
  await run({ name: 'one-thread', threads: 1 });
  assert.deepEqual(await resultOf('one-thread'), await resultOf('plain-whole'));
});
