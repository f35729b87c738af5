// Makes assets/pico, the small model inside the package, and the bundled task: text, tokenizer, training from scratch, model card.
// node tools/pico/make.ts [--scratch DIR] [--max-steps N]
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { dtypeFields } from '../../src/hub/dtypeFields.ts';
import { writeCheckpoint } from '../../src/hub/writeCheckpoint.ts';
import { chooseEngine } from '../../src/loop/engines.ts';
import type { TuneEvent } from '../../src/loop/events.ts';
import { newCheckpoint } from '../../src/loop/newCheckpoint.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { newRunFolder } from '../../src/loop/runFolder.ts';
import { tune } from '../../src/loop/tune.ts';
import { castSource } from '../../src/runtime/tensor-source.ts';
import { learnMerges, tokenizerJson } from './bpe.ts';
import { config, generationConfig, recipe, specialTokens, taskRows, template, tokenizerConfig } from './recipe.ts';
import { recordRows, toLines } from './records.ts';
import { textRow, wordsOf } from './text.ts';

const { values } = parseArgs({ options: { scratch: { type: 'string' }, 'max-steps': { type: 'string' } } });
const assets = new URL('../../assets/', import.meta.url).pathname;
const scratch = values.scratch ?? mkdtempSync(join(tmpdir(), 'pico-'));
mkdirSync(scratch, { recursive: true });

const { train, test } = recordRows(taskRows.train, taskRows.test);
mkdirSync(join(assets, 'tasks'), { recursive: true });
writeFileSync(join(assets, 'tasks/records-train.jsonl'), toLines(train));
writeFileSync(join(assets, 'tasks/records-test.jsonl'), toLines(test));

const rows = Array.from({ length: recipe.rows + recipe.evalRows }, (_, index) => textRow(recipe.seed, index));
const [data, evalData] = [join(scratch, 'text.jsonl'), join(scratch, 'eval.jsonl')];
writeFileSync(data, toLines(rows.slice(0, recipe.rows)));
writeFileSync(evalData, toLines(rows.slice(recipe.rows)));
const merges = learnMerges(rows.map(wordsOf), config.vocab_size - specialTokens.length - 256);
if (specialTokens.length + 256 + merges.length !== config.vocab_size)
  throw new RangeError(`Expected ${config.vocab_size} tokens but found ${merges.length} merges`);
const tokenizer = {
  tokenizerJson: tokenizerJson(specialTokens, merges),
  tokenizerConfig,
  chatTemplate: template,
  namedTemplates: {},
};
const base = join(scratch, 'base');
await newCheckpoint(base, { config, generationConfig, tokenizer, seed: recipe.seed });

const tuneConfig = parseConfig({
  model: { path: base },
  data: { path: data, evalPath: evalData, packing: true, maxLength: recipe.length },
  adapter: { type: 'none' },
  optimizer: recipe.optimizer,
  schedule: recipe.schedule,
  train: {
    ...recipe.train,
    seed: recipe.seed,
    ...(values['max-steps'] === undefined ? {} : { maxSteps: Number(values['max-steps']) }),
  },
});
const curve: { step: number; loss: number }[] = [];
const losses: number[] = [];
const evaluations: { step: number; loss: number }[] = [];
let tokens = 0;
const emit = (event: TuneEvent): void => {
  if (event.type === 'eval') evaluations.push({ step: event.step, loss: event.evalLoss });
  if (event.type === 'preview') process.stderr.write(`${event.notes.join('\n')}\n`);
  if (event.type !== 'step') return;
  tokens += event.tokens;
  losses.push(event.loss);
  if (event.step % 50 !== 0) return;
  const mean = losses.splice(0).reduce((sum, loss) => sum + loss, 0) / 50;
  curve.push({ step: event.step, loss: Number(mean.toFixed(4)) });
  process.stderr.write(
    `step ${event.step} loss ${mean.toFixed(4)} ${((1000 * event.tokens) / event.stepMs).toFixed(0)} tokens/s\n`,
  );
};
const { engine } = await chooseEngine({ name: 'auto' });
const run = join(scratch, 'run');
const summary = await tune(tuneConfig, {
  runFolder: await newRunFolder(run, { overwrite: true }),
  engine,
  host: { versions: {} },
  emit,
});
engine.close();

const trained = await openCheckpoint(join(run, 'model'));
const narrowed = [...trained.tensors.values()].map((source) => castSource(source, 'bf16'));
const pico = join(assets, 'pico');
await writeCheckpoint(
  pico,
  narrowed,
  { ...trained, config: { ...trained.config, ...dtypeFields(trained.config, 'bf16') } },
  { replace: true },
);
await trained.close();
const record = { recipe, steps: summary.step, tokens, seconds: Math.round(summary.seconds), evaluations, curve };
writeFileSync(join(pico, 'training.json'), `${JSON.stringify(record, undefined, 1)}\n`);
writeFileSync(join(pico, 'README.md'), readFileSync(new URL('card.md', import.meta.url)));
