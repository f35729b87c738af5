/**
 * Tunes a chat model on grade-school mathematics and measures it before and after on problems that it did not see.
 *
 *     node examples/gsm8k.ts --model CHECKPOINT --train train.jsonl.gz --test test.jsonl.gz --out FOLDER
 *
 * The files are GSM8K's ({"question", "answer"}, the answer ending in `#### number`; Cobbe et al. 2021, arXiv:2110.14168).
 * Writes FOLDER/results.json beside the run.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readRows } from '../src/data/reader.ts';
import { byteStream } from '../src/hub/files-stream.ts';
import { generate, loadModel, parseConfig, tune } from '../src/index.ts';

interface Problem {
  readonly question: string;
  readonly answer: string;
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    train: { type: 'string' },
    test: { type: 'string' },
    out: { type: 'string' },
    'train-count': { type: 'string', default: '500' },
    'test-count': { type: 'string', default: '100' },
    epochs: { type: 'string', default: '2' },
    'batch-size': { type: 'string', default: '4' },
    'learning-rate': { type: 'string', default: '0.0002' },
    'max-new-tokens': { type: 'string', default: '256' },
    seed: { type: 'string', default: '42' },
  },
});
const { model, train, test, out } = values;
if (!model || !train || !test || !out) throw new TypeError('--model, --train, --test and --out are required');

async function problems(path: string, count: number): Promise<Problem[]> {
  const found: Problem[] = [];
  for await (const { fields, place } of readRows({ name: path, open: () => byteStream(path) })) {
    const { question, answer } = fields;
    if (typeof question !== 'string' || typeof answer !== 'string')
      throw new TypeError(`${place}: expected question and answer`);
    found.push({ question, answer });
    if (found.length === count) break;
  }
  return found;
}

const userOf = ({ question }: Problem) => ({ role: 'user', content: question });
const chatOf = (problem: Problem) => ({
  prompt: [userOf(problem)],
  completion: [{ role: 'assistant', content: problem.answer }],
});

/** The number after the last ####, or else the last number of the text. */
function finalNumber(text: string): number | undefined {
  const marked = text.split('####');
  const numbers = (marked.length > 1 ? marked.at(-1) : text)?.match(/-?\d[\d,]*(?:\.\d+)?/g);
  const number = marked.length > 1 ? numbers?.[0] : numbers?.at(-1);
  return number === undefined ? undefined : Number(number.replaceAll(',', ''));
}

/** 95% interval of a share (Wilson 1927). */
function wilson(hits: number, n: number): [number, number] {
  const z = 1.959964;
  const p = hits / n;
  const centre = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return [centre - half, centre + half];
}

async function exactMatch(held: readonly Problem[], adapter?: string) {
  const loaded = await loadModel(model as string, adapter === undefined ? {} : { adapter });
  const prompts = held.map((problem) => ({ messages: [userOf(problem)] }));
  const samples: { question: string; expected: string; generated: string; right: boolean }[] = [];
  const options = { maxNewTokens: Number(values['max-new-tokens']), batchSize: 25 };
  for await (const { index, text } of generate(loaded, prompts, options)) {
    const { question, answer } = held[index] as Problem;
    samples.push({ question, expected: answer, generated: text, right: finalNumber(text) === finalNumber(answer) });
  }
  await loaded.close();
  const hits = samples.filter(({ right }) => right).length;
  return {
    hits,
    n: held.length,
    share: hits / held.length,
    interval: wilson(hits, held.length),
    samples: samples.slice(0, 3),
  };
}

const started = performance.now();
mkdirSync(out, { recursive: true });
const taught = await problems(train, Number(values['train-count']));
const held = await problems(test, Number(values['test-count']));
const write = (name: string, rows: readonly Problem[]): string => {
  const path = join(out, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(chatOf(row))}\n`).join(''));
  return path;
};
const config = parseConfig({
  model: { path: model },
  data: { path: write('train.jsonl', taught), evalPath: write('test.jsonl', held) },
  optimizer: { learningRate: Number(values['learning-rate']) },
  schedule: { type: 'cosine', warmupSteps: 0.05 },
  train: { batchSize: Number(values['batch-size']), epochs: Number(values.epochs), seed: Number(values.seed) },
});

const before = await exactMatch(held);
console.error(`before: ${before.hits} of ${before.n} right`);
const evaluations: number[] = [];
const run = tune(config, { out: join(out, 'run'), overwrite: true });
for await (const event of run) {
  if (event.type === 'eval') evaluations.push(event.evalLoss ?? Number.NaN);
  if (event.type === 'step' && event.step % 10 === 0)
    console.error(`step ${event.step}: loss ${event.loss.toFixed(3)}`);
}
const summary = await run.summary;
const after = await exactMatch(held, join(out, 'run', 'adapter'));
console.error(`after: ${after.hits} of ${after.n} right`);
const results = {
  model,
  trained: taught.length,
  tested: held.length,
  seed: config.train.seed,
  evalLoss: { before: evaluations[0], after: evaluations.at(-1) },
  exactMatch: { before, after },
  training: summary,
  minutes: (performance.now() - started) / 60000,
  config,
};
writeFileSync(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
