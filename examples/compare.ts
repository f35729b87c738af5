/**
 * Compares methods on your model and data: what each gains, forgets and costs, over seeds.
 *
 *     node compare.ts MODEL train.jsonl runs/compared
 *
 * Started again over the same folder it finishes what is missing.
 */
import { compare } from 'tuneloop';

const [model = 'nano', data = 'train.jsonl', out = 'runs/compared'] = process.argv.slice(2);

const comparison = compare(
  {
    model: { path: model },
    data: { path: data, evalShare: 0.25 },
    train: { maxSteps: 3, batchSize: 4 },
    seeds: 2,
    // Each says what it changes in the config above; the first is what the others are compared with.
    methods: {
      'lora 3e-3': { adapter: { type: 'lora', r: 8 }, optimizer: { learningRate: 3e-3 } },
      'full 3e-4': { adapter: { type: 'none' }, optimizer: { learningRate: 3e-4 } },
    },
  },
  { out },
);

for await (const event of comparison) {
  if (event.type === 'started') console.log(`${event.runs} runs, ${event.parallel} side by side`);
  if (event.type === 'runEnded') console.log(`${event.method}, seed ${event.run.seed}: ${event.run.state}`);
  if (event.type === 'failed') console.log(`${event.method} failed: ${event.message}`);
}
const { methods, folder } = await comparison.summary;
for (const { name, figures, against, front } of methods) {
  const more = against?.gain ? `, ${against.gain.mean.toFixed(3)} more than the first` : '';
  console.log(`${name}: gain ${figures.gain?.mean.toFixed(3)}${more}${front ? ', on the front' : ''}`);
}
console.log(`${folder}/compare.html shows it`);
