/**
 * Trains on rows that a program makes, here a hundred sums, and asks for one that it was not trained on.
 *
 *     node own-data.ts MODEL runs/sums
 */
import { generate, loadModel, score, tune, writeRows } from 'tuneloop';

const [model = 'nano', out = 'runs/sums'] = process.argv.slice(2);

const sums = Array.from({ length: 100 }, (_, i) => [i % 10, Math.floor(i / 10)] as const);
const rows = sums.map(([a, b]) => ({ prompt: `${a} + ${b} =`, completion: ` ${a + b}` }));

// A run reads files, so that it can go on and be done again from its folder.
const data = await writeRows(`${out}/sums.jsonl`, rows.slice(0, 90));

const run = tune(
  { model: { path: model }, data: { path: data }, train: { maxSteps: 5 }, optimizer: { learningRate: 1e-3 } },
  { out: `${out}/run` },
);
const { loss } = await run.summary;
console.log(`loss ${loss?.toFixed(3)}`);

const tuned = await loadModel(model, { adapter: `${out}/run/adapter` });
const held = rows.slice(90, 92);
for await (const { index, text } of generate(tuned, held, { maxNewTokens: 4 })) {
  console.log(`${held[index]?.prompt} ${text.trim()}, expected${held[index]?.completion}`);
}
for await (const { index, logprobs, mask } of score(tuned, held)) {
  const total = logprobs.reduce<number>((sum, each, t) => sum + (mask[t] === 1 ? (each ?? 0) : 0), 0);
  console.log(`ln p of the right answer to ${held[index]?.prompt} ${total.toFixed(2)}`);
}
await tuned.close();
