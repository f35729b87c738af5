// Makes assets/nano-vit, the small Vision Transformer inside the package: draws images, trains it on them from scratch, narrows it
// to 16 bit and writes how it came about beside it.
// node tools/vit/make.ts [--scratch DIR] [--steps N] [--images N]
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { dtypeFields } from '../../src/hub/dtypeFields.ts';
import { writeCheckpoint } from '../../src/hub/writeCheckpoint.ts';
import { newCheckpoint } from '../../src/loop/newCheckpoint.ts';
import { tune } from '../../src/loop/tuneRun.ts';
import { writeRows } from '../../src/loop/writeRows.ts';
import { drawnImages, drawnSide, labelsOf, pretrainedDrawing } from '../../src/papers/drawnImages.ts';
import { castSource } from '../../src/runtime/tensor-source.ts';
import { writeCard } from './card.ts';

const { values } = parseArgs({
  options: {
    scratch: { type: 'string' },
    steps: { type: 'string', default: '1000' },
    images: { type: 'string', default: '8000' },
  },
});
const scratch = values.scratch ?? mkdtempSync(join(tmpdir(), 'nano-vit-'));
const out = fileURLToPath(new URL('../../assets/nano-vit', import.meta.url));
const at = (name: string): string => join(scratch, name);
const held = 480;

const labels = labelsOf(pretrainedDrawing);
const config = {
  architectures: ['ViTForImageClassification'],
  model_type: 'vit',
  image_size: drawnSide,
  patch_size: 6,
  num_channels: 3,
  hidden_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 256,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-6,
  initializer_range: 0.02,
  qkv_bias: true,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
  label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  problem_type: 'single_label_classification',
};
const preprocessorConfig = {
  image_processor_type: 'ViTImageProcessor',
  do_resize: true,
  size: { height: drawnSide, width: drawnSide },
  resample: 2,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

await newCheckpoint(at('new'), { config, preprocessorConfig, seed: 1 });
const path = await writeRows(at('train.jsonl'), drawnImages(Number(values.images), 1, pretrainedDrawing));
const evalPath = await writeRows(at('held.jsonl'), drawnImages(held, 2, pretrainedDrawing));
const maxSteps = Number(values.steps);
const training = {
  data: { path, evalPath },
  adapter: { type: 'none' },
  optimizer: { learningRate: 3e-3, weightDecay: 0.01 },
  schedule: { type: 'cosine', warmupSteps: 40 },
  train: { maxSteps, batchSize: 64, seed: 1, saveSteps: maxSteps, evalSteps: 250 },
} as const;
const run = tune({ model: { path: at('new') }, ...training }, { out: at('run'), overwrite: true });
for await (const event of run) {
  if (event.type === 'eval') process.stderr.write(`step ${event.step}: ${event.evalLoss} ${event.accuracy}\n`);
}
const trained = await openCheckpoint(at('run/model'));
const narrowed = [...trained.tensors.values()].map((source) => castSource(source, 'bf16'));
await writeCheckpoint(
  out,
  narrowed,
  { ...trained, config: { ...trained.config, ...dtypeFields(trained.config, 'bf16') } },
  { replace: true },
);
await trained.close();
const lines = readFileSync(at('run/metrics.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Record<string, unknown>);
const { seconds } = lines.find(({ type }) => type === 'done') ?? {};
const evaluations = lines
  .filter(({ type }) => type === 'eval')
  .map(({ step, evalLoss, accuracy }) => ({ step, evalLoss, accuracy }));
const { optimizer, schedule, train } = training;
const record = { images: Number(values.images), held, optimizer, schedule, train, evaluations, seconds };
writeFileSync(join(out, 'training.json'), `${JSON.stringify(record, undefined, 1)}\n`);
await writeCard(out);
