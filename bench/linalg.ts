// Thin SVDs of all 210 linear weights of a 135M Llama, ours beside numpy's (LAPACK).
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '../src/hub/checkpoint.ts';
import { fillNormal, randomKey } from '../src/ir/random.ts';
import { alternate, quietRounds } from './lib/alternate.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { own, peer, peersMissing, start } from './lib/contestant.ts';
import { count, readOptions } from './lib/options.ts';
import { median } from './lib/statistics.ts';
import { layerShapes } from './lib/svds.ts';

const options = readOptions('Thin SVDs (U, s, Vᵀ in f32) of all linear weights of a model, beside numpy.', {
  model: { help: 'PATH of a folder or a GGUF; without it the weights of SmolLM2-135M are random' },
  layers: { help: 'N of the random weights', default: '30' },
  python: { help: 'FILE with numpy', default: process.env['TUNELOOP_PYTHON'] ?? '' },
  rounds: { help: 'N', default: '3' },
  threads: { help: 'N of each', default: '2' },
  quiet: { help: 'SECONDS to wait for an idle machine before each round', default: '20' },
  out: { help: 'FILE for the result as JSON' },
});
const threads = count('threads', options.threads);
const setting = conditions(threads);
printConditions(setting);

interface Weight {
  readonly shape: readonly [number, number];
  values(): Promise<Float32Array>;
}

function randomWeights(): Weight[] {
  const shapes = Array.from({ length: count('layers', options.layers) }, () => layerShapes).flat();
  return shapes.map((shape, index) => ({
    shape,
    values: () => {
      const values = new Float32Array(shape[0] * shape[1]);
      fillNormal(values, randomKey(0, 'weight', index));
      return Promise.resolve(values);
    },
  }));
}

async function storedWeights(path: string): Promise<Weight[]> {
  const { tensors } = await openCheckpoint(path);
  return [...tensors]
    .filter(([name]) => /\.(self_attn|mlp)\.\w+_proj\.weight$/.test(name))
    .map(([, source]) => ({
      shape: [source.shape[0] ?? 0, source.shape[1] ?? 0] as const,
      values: async () => {
        const values = new Float32Array((source.shape[0] ?? 0) * (source.shape[1] ?? 0));
        await source.readF32(values);
        return values;
      },
    }));
}

const weights = options.model === undefined ? randomWeights() : await storedWeights(options.model);
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-bench-'));
try {
  const matrices = join(folder, 'matrices');
  const file = openSync(matrices, 'w');
  for (const weight of weights) writeSync(file, await weight.values());
  closeSync(file);
  writeFileSync(`${matrices}.json`, JSON.stringify({ shapes: weights.map(({ shape }) => shape) }));

  const args = ['--matrices', matrices, '--threads', String(threads)];
  const commands = [own('tuneloop', 'linalg.ts', args)];
  const python = options.python === '' ? undefined : options.python;
  const missing = peersMissing(python, ['numpy']);
  if (missing === undefined) commands.push(peer('numpy', python ?? '', 'numpy_svd.py', args));
  else console.log(`numpy skipped: ${missing}`);
  const contestants = [];
  for (const command of commands) contestants.push(await start(command));
  const results = await alternate(contestants, count('rounds', options.rounds), Number(options.quiet));
  for (const contestant of contestants) await contestant.quit();

  console.log(`${weights.length} matrices, thin SVD, ${options.rounds} rounds`);
  const cpuSeconds = (name: string): number =>
    median(results.get(name)?.turns.map(({ reply }) => Number(reply['userMs']) + Number(reply['systemMs'])) ?? []) /
    1000;
  for (const [name, { ms, peakRssMb, foreignCores, ready }] of results) {
    const [middle, least, most] = [ms.median, ms.min, ms.max].map((value) => (value / 1000).toFixed(1));
    console.log(
      `${name}: ${middle} s (${least}-${most}), ${cpuSeconds(name).toFixed(1)} CPU s, peak ${peakRssMb} MB; other processes took ${foreignCores?.toFixed(2)} cores`,
    );
    if ('reconstruction' in ready) {
      console.log(`  |A - U S Vᵀ| / |A| up to ${ready['reconstruction']}, orthogonality to ${ready['orthogonality']}`);
    }
  }
  if (missing === undefined) {
    console.log(`CPU time ${(cpuSeconds('tuneloop') / cpuSeconds('numpy')).toFixed(2)} times numpy's`);
  }
  console.log(`${quietRounds(results).length} of ${options.rounds} rounds had the machine for themselves`);
  writeResult(options.out, { conditions: setting, matrices: weights.length, results: Object.fromEntries(results) });
} finally {
  rmSync(folder, { recursive: true });
}
