/** Fine-tunes a language model with LoRA inside a browser's worker; the page beside it asks and shows. */
import {
  fetchCheckpoint,
  generate,
  languageModel,
  learningRates,
  makeAdapter,
  makeBatches,
  makeCursor,
  makeOptimizer,
  makeTrainer,
  parseConfig,
  peftContents,
  peftFiles,
  prepareDataset,
  readRows,
  type ReadyModel,
  readyModel,
  type Row,
  seededOrder,
  sft,
  tokenizerOf,
  tokenLoss,
  withoutAdapter,
} from 'tuneloop';
import { webEngine } from 'tuneloop/web';
import type { Answer, Report, Request } from './messages.ts';

const held = 'tasks/records-test.jsonl';
/** What a run in Node would have; defaults fill in the rest. */
const config = parseConfig({
  model: { path: 'nano' },
  data: { path: 'tasks/records-train.jsonl', maxLength: 128 },
  adapter: { type: 'lora', r: 16, alpha: 32 },
  optimizer: { learningRate: 3e-3 },
  schedule: { type: 'cosine', warmupSteps: 10 },
  train: { batchSize: 10, seed: 42 },
});
const { seed } = config.train;

const tell = (report: Report): void => postMessage(report);

/** Rows of a file beside the page. */
async function* rowsOf(path: string): AsyncGenerator<Row> {
  const open = async function* (): AsyncGenerator<Uint8Array> {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`${path}: expected rows but found status ${response.status}`);
    yield new Uint8Array(await response.arrayBuffer());
  };
  yield* readRows({ name: path, open });
}

/** Greedy answers to questions, several at once. */
async function answersTo(ready: ReadyModel, questions: readonly string[]): Promise<string[]> {
  const rows = questions.map((content) => ({ messages: [{ role: 'user', content }] }));
  const texts: string[] = [];
  for await (const { text } of generate(ready, rows, { maxNewTokens: 32, batchSize: 20 })) texts.push(text.trim());
  return texts;
}

/** The first questions of the held-out file, with what a right answer is. */
async function heldOut(count: number): Promise<Omit<Answer, 'text'>[]> {
  const found = [];
  for await (const { fields } of rowsOf(held)) {
    const { prompt, completion } = fields as unknown as { readonly [side: string]: readonly { content: string }[] };
    found.push({ question: prompt?.[0]?.content ?? '', expected: completion?.[0]?.content ?? '' });
    if (found.length === count) break;
  }
  return found;
}

/** The adapter as PEFT's files. */
async function adapterFiles({ attached }: ReadyModel): Promise<Record<string, Blob>> {
  if (!attached) return {};
  const values = new Map<string, Float32Array>();
  for (const { name, f32 } of attached.weights.members) values.set(name, await f32());
  const contents = peftContents(attached.adapter, (name) => values.get(name) ?? new Float32Array(0), config.model.path);
  const files: Record<string, Blob> = {};
  for (const [name, content] of Object.entries(peftFiles(contents))) {
    const pieces: BlobPart[] = [];
    if (typeof content === 'string') pieces.push(content);
    else for await (const bytes of content) pieces.push(bytes.slice());
    files[name] = new Blob(pieces);
  }
  return files;
}

const sizeOf = (parameters: readonly { readonly shape: readonly number[] }[]): number =>
  parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

let stopped = false;
let trained: ReadyModel | undefined;

async function train({ provider, steps }: Extract<Request, { type: 'train' }>): Promise<void> {
  const engine = await webEngine({ provider });
  const checkpoint = await fetchCheckpoint('nano/');
  const model = languageModel(checkpoint.config);
  const adapter = makeAdapter(config.adapter, model);
  const ready = await readyModel(checkpoint, model, { engine, adapter: { adapter }, seed });
  if (!ready.attached) throw new TypeError('Expected an adapter to train but found none');
  const { adapter: added, weights } = ready.attached;
  tell({
    type: 'opened',
    engine: engine.description,
    parameters: sizeOf(model.parameters),
    trained: sizeOf(weights.members),
  });

  const questions = await heldOut(20);
  const answer = async (when: 'before' | 'after'): Promise<void> => {
    const texts = await answersTo(
      ready,
      questions.map(({ question }) => question),
    );
    tell({ type: 'answers', when, answers: questions.map((each, i) => ({ ...each, text: texts[i] ?? '' })) });
  };
  await answer('before');

  const dataset = await prepareDataset(rowsOf(String(config.data.path)), tokenizerOf(ready), {
    maxLength: config.data.maxLength,
  });
  const batches = makeBatches(dataset.examples, { batchSize: config.train.batchSize, order: seededOrder(seed) });
  const cursor = makeCursor(batches);
  const trainer = await makeTrainer(ready, {
    attached: { adapter: added, weights, states: ready.attached.states },
    updates: [
      {
        name: 'sft',
        task: tokenLoss(model, sft, false),
        optimizer: makeOptimizer(config.optimizer),
        learningRate: learningRates(config.schedule, { steps, learningRate: config.optimizer.learningRate }),
      },
    ],
    seed,
    recompute: false,
  });
  while (trainer.step() < steps && !stopped) {
    const begun = performance.now();
    const window = cursor.next();
    const { loss } = await trainer.run(window);
    tell({ type: 'step', step: trainer.step(), loss, tokens: window.tokens, ms: performance.now() - begun });
    // Lets the page's messages in.
    await new Promise((resolve) => setTimeout(resolve));
  }
  await answer('after');
  trained = ready;
  tell({ type: 'trained', steps: trainer.step(), files: await adapterFiles(ready) });
}

async function ask(question: string): Promise<void> {
  if (!trained) throw new Error('Expected a trained model but found none');
  const [after = ''] = await answersTo(trained, [question]);
  const base = withoutAdapter(trained);
  const [before = ''] = await answersTo(base, [question]);
  await base.close();
  tell({ type: 'reply', before, after });
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  if (data.type === 'stop') {
    stopped = true;
    return;
  }
  const work = data.type === 'train' ? train(data) : ask(data.question);
  work.catch((error: unknown) => tell({ type: 'failed', message: error instanceof Error ? error.message : '' }));
});
