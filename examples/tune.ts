/**
 * Supervised tuning: trains an adapter and tells how it goes.
 *
 *     node tune.ts MODEL train.jsonl runs/first
 *
 * Lines of train.jsonl are {"prompt", "completion"}, {"messages"} or {"text"}.
 */
import { tune } from 'tuneloop';

const [model = 'nano', data = 'train.jsonl', out = 'runs/first'] = process.argv.slice(2);

const run = tune(
  {
    model: { path: model },
    data: { path: data, evalShare: 0.2 },
    adapter: { type: 'lora', r: 8, alpha: 16 },
    optimizer: { learningRate: 1e-3 },
    train: { epochs: 1, batchSize: 4, evalSteps: 10 },
  },
  { out },
);

for await (const event of run) {
  if (event.type === 'preview') for (const note of event.notes) console.log(note);
  if (event.type === 'step') console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`);
  if (event.type === 'eval') console.log(`step ${event.step}: evaluation loss ${event.evalLoss?.toFixed(3)}`);
}
const { stopReason, evalLoss, runFolder } = await run.summary;
console.log(`${stopReason}, evaluation loss ${evalLoss?.toFixed(3)}; the adapter lies in ${runFolder}/adapter`);
