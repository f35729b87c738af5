// How fast models of other widths are, in batches of other shapes, against the processor's limit: whether any shape falls off a cliff.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAdapter } from '../src/adapters/index.ts';
import { loraUnit } from '../src/adapters/lora.ts';
import { makeBatches } from '../src/data/batches.ts';
import { examplesOf } from '../src/data/examples.ts';
import { engineRecord, engineText } from '../src/loop/engines.ts';
import { openModel } from '../src/loop/model.ts';
import { newCheckpoint } from '../src/loop/newCheckpoint.ts';
import { meanLoss } from '../src/loop/score.ts';
import { languageTask } from '../src/loop/task.ts';
import { makeTrainer } from '../src/loop/trainer.ts';
import { sft } from '../src/objectives/sft.ts';
import { adamw } from '../src/optimizers/adamw.ts';
import { clipByGlobalNorm } from '../src/optimizers/clipByGlobalNorm.ts';
import { chain } from '../src/optimizers/optimizer.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { count, readOptions } from './lib/options.ts';
import { engineOptions, openEngine } from './own/engine.ts';

const options = readOptions(
  'Forward pass and LoRA step (r = 16, all linear layers) of an untrained Llama of two layers, by width, rows and tokens a row.',
  {
    ...engineOptions,
    widths: { help: 'LIST of hidden sizes, multiples of 64', default: '256,576,1024,2048' },
    shapes: {
      help: 'LIST of rows x tokens',
      default: '1x1,1x7,1x32,1x128,1x512,1x1024,1x4096,8x1,8x16,8x128,64x1,64x16,64x64',
    },
    repeats: { help: 'N of each, of which the fastest counts', default: '3' },
    peak: { help: 'GFLOPS that all threads reach at most; shares are of the fastest found unless given' },
    out: { help: 'FILE for the result as JSON' },
  },
);

const [layers, vocabSize, r] = [2, 2048, 16];
const setting = conditions(count('threads', options.threads));
printConditions(setting);
const { engine } = await openEngine(options);
console.log(engineText(engineRecord(engine)));

/** GFLOP that a forward pass and a step need; of attention the half that is not masked, as no step could do with less. */
function needed(width: number, inner: number, batch: number, length: number): { forward: number; step: number } {
  const tokens = batch * length;
  const weights = layers * (4 * width * width + 3 * width * inner) + vocabSize * width;
  const factors = layers * r * (4 * 2 * width + 3 * (width + inner));
  const attention = layers * batch * length * length * width;
  return {
    forward: (2 * tokens * (weights + factors) + 2 * attention) / 1e9,
    step: (2 * tokens * (2 * weights + 3 * factors) + 7 * attention) / 1e9,
  };
}

async function fastest(run: () => Promise<unknown>): Promise<number> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < count('repeats', options.repeats); i++) {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
  }
  return Math.min(...times);
}

interface Row {
  readonly width: number;
  readonly batch: number;
  readonly length: number;
  readonly forwardMs: number;
  readonly stepMs: number;
  readonly forwardGflops: number;
  readonly stepGflops: number;
  /** Weights of layers and head, read once, in the time of a forward pass. */
  readonly gigabytesPerSecond: number;
}

async function measure(width: number, folder: string): Promise<Row[]> {
  const inner = Math.round((8 * width) / 3 / 64) * 64;
  const config = {
    model_type: 'llama',
    hidden_size: width,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_attention_heads: width / 64,
    num_key_value_heads: width / 64,
    vocab_size: vocabSize,
    max_position_embeddings: 8192,
    tie_word_embeddings: true,
  };
  await newCheckpoint(folder, { config, seed: 1 });
  const make = (model: Parameters<typeof makeAdapter>[1]): ReturnType<typeof makeAdapter> =>
    makeAdapter(loraUnit.schema.parse({ r, alpha: 2 * r, targetModules: 'all-linear' }), model);
  const loaded = await openModel({ model: folder, newAdapter: { make, seed: 1 }, engine });
  if (!loaded.attached) throw new TypeError('Expected an adapter but found none');
  const task = languageTask(loaded, sft, { packing: false, loss: 'auto' });
  const rule = adamw({ beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 });
  const update = { name: 'sft', task, optimizer: chain(clipByGlobalNorm(1), rule) };
  const trainer = await makeTrainer(loaded, {
    attached: loaded.attached,
    updates: [{ ...update, learningRate: () => 1e-4 }],
    seed: 1,
    recompute: false,
  });
  const rows: Row[] = [];
  for (const shape of (options.shapes ?? '').split(',')) {
    const [batch = 1, length = 1] = shape.split('x').map((size) => count('shapes', size));
    const examples = Array.from({ length: batch }, (_, index) => ({
      index,
      ids: Int32Array.from({ length }, (_each, t) => (index * 31 + t * 7) % vocabSize),
      mask: new Uint8Array(length).fill(1),
    }));
    const made = makeBatches(examplesOf(examples), { batchSize: batch, padMultiple: 1 }).at(0, 0);
    const { tokens } = made;
    const window = { batches: [made], epoch: 0, tokens, supervisedTokens: tokens, endsEpoch: true };
    const forwardMs = await fastest(() => meanLoss(loaded, [made], false));
    const stepMs = length === 1 ? Number.NaN : await fastest(() => trainer.run(window));
    const { forward, step } = needed(width, inner, batch, length);
    const bytes =
      (layers * (4 * width * width + 3 * width * inner) + vocabSize * width) * (engine.precision === 'bf16' ? 2 : 4);
    rows.push({
      width,
      batch,
      length,
      forwardMs,
      stepMs,
      forwardGflops: (1000 * forward) / forwardMs,
      stepGflops: (1000 * step) / stepMs,
      gigabytesPerSecond: bytes / forwardMs / 1e6,
    });
  }
  await loaded.close();
  return rows;
}

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-shapes-'));
const rows: Row[] = [];
try {
  for (const width of (options.widths ?? '').split(',')) {
    const size = count('widths', width);
    if (size % 64 !== 0) throw new RangeError(`Expected widths that are multiples of 64 but found ${width}`);
    rows.push(...(await measure(size, join(folder, width))));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  engine.close();
}
const best = Math.max(...rows.flatMap(({ forwardGflops, stepGflops }) => [forwardGflops, stepGflops || 0]));
const peak = options.peak === undefined ? best : Number(options.peak);
const share = (gflops: number): string => `${((100 * gflops) / peak).toFixed(0)}%`;
console.log(`100% is ${peak.toFixed(0)} GFLOPS${options.peak === undefined ? ', the fastest found' : ''}`);
console.log('width, rows x tokens: forward ms, share, GB/s of weights; LoRA step ms, share');
for (const { width, batch, length, forwardMs, stepMs, forwardGflops, stepGflops, gigabytesPerSecond } of rows) {
  const step = Number.isNaN(stepMs) ? 'no target' : `${stepMs.toFixed(1)} ms, ${share(stepGflops)}`;
  console.log(
    `${width}, ${batch}x${length}: ${forwardMs.toFixed(1)} ms, ${share(forwardGflops)}, ${gigabytesPerSecond.toFixed(1)} GB/s; ${step}`,
  );
}
writeResult(options.out, { ...setting, engine: engineRecord(engine), peak, rows });
