/**
 * Stops a run by an AbortSignal, as a server does that shuts down, and goes on with it: the result is that of an unbroken run.
 *
 *     node abort-resume.ts MODEL train.jsonl runs/stopped
 */
import { resume, tune } from 'tuneloop';

const [model = 'nano', data = 'train.jsonl', out = 'runs/stopped'] = process.argv.slice(2);

const controller = new AbortController();
const first = tune(
  { model: { path: model }, data: { path: data }, train: { epochs: 1, batchSize: 2 } },
  { out, signal: controller.signal },
);
for await (const event of first) {
  // The step under way ends, and a checkpoint is written.
  if (event.type === 'step' && event.step === 2) controller.abort();
  if (event.type === 'saved') console.log(`saved step ${event.step} in ${event.path}`);
}
console.log((await first.summary).stopReason);

const second = resume(out);
for await (const event of second) {
  if (event.type === 'started') console.log(`goes on after step ${event.resumedFrom}`);
  if (event.type === 'step') console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`);
}
console.log((await second.summary).stopReason);
