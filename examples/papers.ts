/**
 * Uses a published method on your model and data, then asks a probe of another paper what training changed.
 *
 *     node papers.ts MODEL train.jsonl runs/by-paper [PAPER]
 *
 * PAPER is a number or a slug of `tuneloop papers list`.
 */
import { measureChange, papers, tune } from 'tuneloop';

const [model = 'nano', data = 'train.jsonl', out = 'runs/by-paper', paper = 'dft'] = process.argv.slice(2);

const { title, claim, use } = papers.recipe(paper);
console.log(`${title}\nclaims that ${claim}`);
console.log(`Its part of a config: ${JSON.stringify(use.config)}`);

const run = tune(
  {
    model: { path: model },
    data: { path: data, evalShare: 0.25 },
    optimizer: { learningRate: 3e-3 },
    train: { maxSteps: 5, batchSize: 4 },
    ...use.config,
  },
  { out },
);
const { evalLoss } = await run.summary;
console.log(`held-out loss ${evalLoss?.toFixed(3)}`);

const { probe } = papers.recipe(52).use;
if (probe) {
  const { value } = await measureChange(probe, { before: model, after: out, options: { topK: 4 } });
  console.log(`${probe.type}: ${value} ${probe.unit}`);
}
