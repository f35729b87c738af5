import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { dtypeFields } from '../../src/hub/dtypeFields.ts';
import { writeCheckpoint } from '../../src/hub/writeCheckpoint.ts';
import { castSource } from '../../src/runtime/tensor-source.ts';
import { text, training } from './recipe.ts';

interface Line {
  readonly type: string;
  readonly step: number;
  readonly loss: number;
  readonly evalLoss: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Losses are averaged over so many steps. */
const every = 50;

/** Narrows the trained weights to 16 bit into `assets` and writes recipe and curve beside them. */
export async function finish(assets: string, scratch: string): Promise<void> {
  const trained = await openCheckpoint(join(scratch, 'run/model'));
  const narrowed = [...trained.tensors.values()].map((source) => castSource(source, 'bf16'));
  const nano = join(assets, 'nano');
  const config = { ...trained.config, ...dtypeFields(trained.config, 'bf16') };
  await writeCheckpoint(nano, narrowed, { ...trained, config }, { replace: true });
  await trained.close();

  const lines = readFileSync(join(scratch, 'run/metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  const steps = lines.filter(({ type }) => type === 'step');
  const done = lines.find(({ type }) => type === 'done');
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const curve = Array.from({ length: Math.floor(steps.length / every) }, (_, i) => ({
    step: every * (i + 1),
    loss: Number(mean(steps.slice(every * i, every * (i + 1)).map(({ loss }) => loss)).toFixed(4)),
  }));
  const { run } = JSON.parse(readFileSync(join(scratch, 'run/config.json'), 'utf8')) as {
    run: Record<string, unknown>;
  };
  const record = {
    text,
    training,
    engine: run['engine'],
    fingerprints: run['fingerprints'],
    steps: steps.length,
    tokens: steps.reduce((sum, { tokens }) => sum + tokens, 0),
    seconds: Math.round(done?.seconds ?? Number.NaN),
    evaluations: lines.filter(({ type }) => type === 'eval').map(({ step, evalLoss }) => ({ step, loss: evalLoss })),
    curve,
  };
  writeFileSync(join(nano, 'training.json'), `${JSON.stringify(record, undefined, 1)}\n`);
}
