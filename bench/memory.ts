// Peak memory of runs as it was planned before step one, and as it was measured: each run is a process of the command line.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemoryPlan } from '../src/loop/memoryPlan.ts';
import { parseMetrics } from '../src/loop/metrics.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { count, readOptions, skip } from './lib/options.ts';

const options = readOptions(
  'Peak memory, planned and measured, of two steps with LoRA r = 16 on all linear layers and one evaluation.',
  {
    model: { help: 'PATH of a checkpoint with a tokenizer' },
    engines: { help: 'LIST of ort, native', default: 'ort,native' },
    shapes: { help: 'LIST of rows x tokens', default: '2x512,4x128' },
    threads: { help: 'N', default: '2' },
    adapter: { help: 'lora or none (the model itself)', default: 'lora' },
    quantization: { help: 'none, int8 or int4 weights under the adapter', default: 'none' },
    out: { help: 'FILE for the result as JSON' },
  },
);
const model = options.model ?? skip('no model: give --model PATH');
const threads = count('threads', options.threads);
const setting = conditions(threads);
printConditions(setting);

interface Row {
  readonly engine: string;
  readonly shape: string;
  readonly checkpointing: boolean;
  readonly plan: MemoryPlan;
  readonly peakBytes: number;
}

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-memory-'));

function measure(engine: string, shape: string, checkpointing: boolean): Row {
  const [batch, length] = shape.split('x').map(Number);
  const [data, out] = [join(folder, 'data.jsonl'), join(folder, `${engine}-${shape}-${checkpointing}`)];
  const text = 'the cat sat on two '.repeat(length ?? 1);
  writeFileSync(data, `${JSON.stringify({ text })}\n`.repeat(4 * (batch ?? 1)));
  const config = {
    engine: ['--engine', engine, '--threads', String(threads)],
    shape: [
      '--batch-size',
      String(batch),
      '--max-length',
      String(length),
      '--train.gradientCheckpointing',
      String(checkpointing),
    ],
    // Rows are cut off, so nothing teaches to stop.
    run: [
      '--adapter',
      options.adapter ?? 'lora',
      '--model.quantization',
      options.quantization ?? 'none',
      '--max-steps',
      '2',
      '--data.allowUntrainedStop',
      'true',
      '--eval-share',
      '0.5',
    ],
  };
  const command = fileURLToPath(new URL('../bin/tuneloop.js', import.meta.url));
  const args = ['tune', '--model', model, '--data', data, '--out', out, ...Object.values(config).flat()];
  const { status, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.slice(-2000));
  const { run } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as { run: { plan: MemoryPlan } };
  const done = parseMetrics(readFileSync(join(out, 'metrics.jsonl'), 'utf8')).find((line) => line.type === 'done');
  rmSync(out, { recursive: true });
  if (done?.type !== 'done' || done.peakBytes === undefined) throw new Error('Expected a measured peak but found none');
  return { engine, shape, checkpointing, plan: run.plan, peakBytes: done.peakBytes };
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
const percent = (planned: number, found: number): string =>
  `${planned >= found ? '+' : ''}${(100 * (planned / found - 1)).toFixed(0)}%`;
const rows: Row[] = [];
try {
  console.log(
    '| engine | rows x tokens | checkpointing | planned, MB | measured, MB | error | over the process before: planned, measured, error |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const shape of (options.shapes ?? '').split(',')) {
    for (const engine of (options.engines ?? '').split(',')) {
      for (const checkpointing of [false, true]) {
        const row = measure(engine, shape, checkpointing);
        rows.push(row);
        const { plan, peakBytes } = row;
        const planned = plan.peakBytes;
        const [more, found] = [planned, peakBytes].map((bytes) => bytes - plan.parts.presentBytes) as [number, number];
        const figures = [
          mb(planned),
          mb(peakBytes),
          percent(planned, peakBytes),
          `${mb(more)}, ${mb(found)}, ${percent(more, found)}`,
        ];
        console.log(`| ${[engine, shape, checkpointing ? 'yes' : 'no', ...figures].join(' | ')} |`);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
writeResult(options.out, { conditions: setting, adapter: options.adapter, quantization: options.quantization, rows });
