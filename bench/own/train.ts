// One training step per line of stdin: forward, backward, clipping to norm 1 and AdamW over all-linear LoRA or all weights.
import { makeBatches } from '../../src/data/batches.ts';
import { examplesOf } from '../../src/data/examples.ts';
import { randomKey, fillUniform } from '../../src/ir/random.ts';
import { engineRecord } from '../../src/loop/engines.ts';
import { openModel } from '../../src/loop/model.ts';
import { makeTrainer } from '../../src/loop/trainer.ts';
import { full } from '../../src/adapters/full.ts';
import { makeAdapter } from '../../src/adapters/index.ts';
import { loraUnit } from '../../src/adapters/lora.ts';
import { languageTask } from '../../src/loop/task.ts';
import { sft } from '../../src/objectives/sft.ts';
import { adamw } from '../../src/optimizers/adamw.ts';
import { clipByGlobalNorm } from '../../src/optimizers/clipByGlobalNorm.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { count, modelFolder, readOptions, trained } from '../lib/options.ts';
import { engineOptions, openEngine, printTimes, quantizationOf, quantizationOption } from './engine.ts';
import { serve } from './serve.ts';

const options = readOptions('A training step of ours, one per line of stdin.', {
  model: { help: 'FOLDER' },
  ...engineOptions,
  ...quantizationOption,
  batch: { help: 'N rows', default: '2' },
  length: { help: 'N tokens per row', default: '512' },
  train: { help: 'lora or full', default: 'lora' },
  r: { help: 'RANK of LoRA', default: '16' },
});
const batchSize = count('batch', options.batch);
const length = count('length', options.length);
const r = count('r', options.r);
const trains = trained(options.train);
const { engine, native } = await openEngine(options);
const quantization = quantizationOf(options.quantization);
const loaded = await openModel({
  model: modelFolder(options.model),
  ...(quantization === undefined ? {} : { quantization }),
  newAdapter: {
    make: (model) => (trains === 'full' ? full(model) : makeAdapter(loraUnit.schema.parse({ r, alpha: 2 * r }), model)),
    seed: 42,
  },
  engine,
});
if (!loaded.attached) throw new TypeError('Expected an adapter but found none');
const examples = Array.from({ length: batchSize }, (_, index) => {
  const uniform = new Float32Array(length);
  fillUniform(uniform, randomKey(42, 'ids', index));
  const ids = Int32Array.from(uniform, (value) => 3 + Math.floor(value * (loaded.model.vocabSize - 3)));
  return { index, ids, mask: new Uint8Array(length).fill(1) };
});
const batch = makeBatches(examplesOf(examples), { batchSize }).at(0, 0);
const trainer = await makeTrainer(loaded, {
  attached: loaded.attached,
  updates: [
    {
      name: 'sft',
      task: languageTask(loaded, sft, { packing: false, loss: 'auto' }),
      optimizer: chain(clipByGlobalNorm(1), adamw({ beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 })),
      learningRate: () => (trains === 'full' ? 2e-5 : 2e-4),
    },
  ],
  seed: 42,
  recompute: false,
});
const window = {
  batches: [batch],
  epoch: 0,
  tokens: batch.tokens,
  supervisedTokens: batch.supervisedTokens,
  endsEpoch: true,
};
await serve({ ...engineRecord(engine) }, async () => {
  const { loss } = await trainer.run(window);
  if (native && options.profile !== undefined) printTimes(native);
  return { loss, tokens: batch.tokens };
});
await loaded.close();
engine.close();
