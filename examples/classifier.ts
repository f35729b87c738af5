/**
 * Trains a sequence classifier whole and lets it judge texts.
 *
 *     node classifier.ts MODEL runs/classifier
 *
 * MODEL is a …ForSequenceClassification checkpoint; its labels are those of its config.json.
 */
import { classify, loadClassifier, tune, writeRows } from 'tuneloop';

const [name = 'distilbert/distilbert-base-uncased-finetuned-sst-2-english', out = 'runs/classifier'] =
  process.argv.slice(2);

const before = await loadClassifier(name);
const { labels } = before.model;
await before.close();

// Every label gets texts of its own.
const rows = labels.flatMap((label, id) =>
  ['this is', 'it looks like', 'surely'].map((text) => ({
    text: `${text} ${label}`,
    label: id,
  })),
);
const data = await writeRows(`${out}/train.jsonl`, rows);

const run = tune(
  {
    model: { path: name },
    data: { path: data, evalPath: data },
    adapter: { type: 'none' },
    optimizer: { learningRate: 1e-3 },
    train: { maxSteps: 10, batchSize: 4 },
  },
  { out: `${out}/run` },
);
for await (const event of run) {
  if (event.type === 'eval')
    console.log(`step ${event.step}: loss ${event.evalLoss?.toFixed(3)}, accuracy ${event.accuracy}`);
}

const tuned = await loadClassifier(`${out}/run/model`);
for await (const { index, logits } of classify(tuned, rows)) {
  const best = logits.indexOf(Math.max(...logits));
  console.log(`${rows[index]?.text}: ${labels[best]}`);
}
await tuned.close();
