// Gradients of the real training step against float64, beside PyTorch's in float32 and in bfloat16.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBatches } from '../src/data/batches.ts';
import { examplesOf } from '../src/data/examples.ts';
import { openFile } from '../src/hub/files.ts';
import { readSafetensors } from '../src/hub/safetensors.ts';
import { tokenFeeds } from '../src/loop/feeds.ts';
import { openModel } from '../src/loop/model.ts';
import { gradientName, trainGraph } from '../src/loop/programs.ts';
import { sft } from '../src/objectives/sft.ts';
import { tensor } from '../src/runtime/tensor.ts';
import { conditions, printConditions, writeResult } from './lib/conditions.ts';
import { count, modelFolder, readOptions, skip } from './lib/options.ts';
import { median } from './lib/statistics.ts';
import { engineOptions, openEngine } from './own/engine.ts';

const options = readOptions(
  'Gradients of every LoRA tensor of a real step against float64, beside PyTorch in float32 and bfloat16.',
  {
    model: { help: 'FOLDER of a Llama in float32 safetensors' },
    adapter: { help: 'FOLDER of a PEFT adapter whose B is not zero' },
    data: { help: 'FILE of lines {"ids", "mask"}: one batch' },
    exact: { help: 'FOLDER that oracle/gradients.py wrote for the same model, adapter and data' },
    ...engineOptions,
    out: { help: 'FILE for the result as JSON' },
  },
);
const { adapter: adapterFolder, data, exact } = options;
if (adapterFolder === undefined || data === undefined || exact === undefined)
  skip('give --adapter, --data and --exact');
const { engine } = await openEngine(options);
const loaded = await openModel({ model: modelFolder(options.model), adapter: adapterFolder, engine });
if (!loaded.attached) throw new TypeError('Expected an adapter but found none');
const { adapter } = loaded.attached;

const lines = readFileSync(data, 'utf8')
  .split('\n')
  .filter((line) => line !== '');
const examples = lines.map((line, index) => {
  const { ids, mask } = JSON.parse(line) as { ids: number[]; mask: number[] };
  return { index, ids: Int32Array.from(ids), mask: Uint8Array.from(mask) };
});
const batch = makeBatches(examplesOf(examples), { batchSize: examples.length }).at(0, 0);
const shape = { batch: batch.batch, length: batch.length, packed: false };
const program = await loaded.programs.get('gradients', () =>
  trainGraph(loaded.model, adapter, sft, shape, { accumulate: false, recompute: false }),
);
const outputs = await program.run({
  ...tokenFeeds(batch, false),
  normalizer: tensor('f32', [], [1 / batch.supervisedTokens]),
});

interface Distances {
  readonly worst: number;
  readonly worstTensor: string;
  readonly median: number;
  /** Relative error of each tensor, in the order of the exact ones. */
  readonly each: readonly number[];
  /** Over all tensors together. */
  readonly whole: number;
}

type Vector = ArrayLike<number>;

/** ‖found - exact‖ and ‖exact‖. */
function distance(found: Vector, true_: Vector): [off: number, norm: number] {
  let [off, norm] = [0, 0];
  for (let i = 0; i < true_.length; i++) {
    const value = true_[i] ?? Number.NaN;
    off += ((found[i] ?? Number.NaN) - value) ** 2;
    norm += value ** 2;
  }
  return [Math.sqrt(off), Math.sqrt(norm)];
}

async function readVectors(file: string): Promise<Map<string, Vector>> {
  const opened = await openFile(join(exact ?? '', file));
  const { tensors } = await readSafetensors(opened);
  const vectors = new Map<string, Vector>();
  for (const [name, source] of tensors) {
    const { buffer } = await source.read();
    vectors.set(name, source.storage === 'f64' ? new Float64Array(buffer) : new Float32Array(buffer));
  }
  await opened.close();
  return vectors;
}

const float64 = await readVectors('float64.safetensors');

function distances(of: (name: string) => Vector | undefined): Distances {
  const each = [...float64].map(([name, true_]): [string, number, number] => {
    const found = of(name);
    if (found?.length !== true_.length)
      throw new RangeError(`Expected a gradient of ${true_.length} values for ${name} but found ${found?.length}`);
    return [name, ...distance(found, true_)];
  });
  const relative = each
    .map(([name, off, norm]): [string, number] => [name, off / norm])
    .toSorted((a, b) => b[1] - a[1]);
  const [worstTensor, worst] = relative[0] ?? ['', Number.NaN];
  return {
    worst,
    worstTensor,
    median: median(relative.map(([, error]) => error)),
    each: each.map(([, off, norm]) => off / norm),
    whole: Math.hypot(...each.map(([, off]) => off)) / Math.hypot(...each.map(([, , norm]) => norm)),
  };
}

const setting = conditions(count('threads', options.threads));
printConditions(setting);
const results: Record<string, Distances> = {
  tuneloop: distances((name) => outputs[gradientName(name.replace(/^base_model\.model\./, ''))]?.data),
};
for (const name of ['float32', 'float32-exact-softmax', 'bfloat16']) {
  const found = await readVectors(`${name}.safetensors`);
  results[`PyTorch ${name}`] = distances((tensorName) => found.get(tensorName));
}
const losses = (JSON.parse(readFileSync(join(exact, 'loss.json'), 'utf8')) as { loss: Record<string, number> }).loss;
console.log(`${float64.size} tensors, ${batch.batch} x ${batch.length} tokens; relative error against float64`);
for (const [name, { worst, worstTensor, median: middle, whole }] of Object.entries(results)) {
  console.log(
    `${name}: worst ${worst.toExponential(2)} (${worstTensor}), median ${middle.toExponential(2)}, whole ${whole.toExponential(2)}`,
  );
}
const own = results['tuneloop'];
const peer = results[engine.precision === 'bf16' ? 'PyTorch bfloat16' : 'PyTorch float32'];
if (own && peer) {
  const ratios = own.each.map((error, i) => error / (peer.each[i] ?? Number.NaN));
  console.log(
    `tuneloop's error over PyTorch's in the same precision, tensor by tensor: median ${median(ratios).toFixed(2)}, most ${Math.max(...ratios).toFixed(2)}`,
  );
}
const loss = Number(outputs['loss']?.data[0]);
console.log(
  `loss: tuneloop ${loss}, ${Object.entries(losses)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`,
);
writeResult(options.out, { conditions: setting, results, loss: { tuneloop: loss, ...losses } });
await loaded.close();
engine.close();
