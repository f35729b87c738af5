import { type Batch, collate } from '../data/batches.ts';
import type { TrainExample } from '../data/dataset.ts';
import { paddedLength } from '../data/padding.ts';
import { tokenFeeds } from './feeds.ts';
import type { ReadyModel } from './readyModel.ts';
import { scoreGraph } from './programs.ts';
import { allOf, inBatches, type Work } from './work.ts';

/** How texts are put together. */
export interface ScoringOptions {
  readonly batchSize: number;
}

/** Runs the score program of a batch's shape. */
async function scoreBatch(
  loaded: ReadyModel,
  batch: Batch,
  packed: boolean,
): Promise<{ logprobs: ArrayLike<number>; total: number }> {
  const shape = { batch: batch.batch, length: batch.length, packed };
  const program = await loaded.programs.get(`score ${JSON.stringify(shape)}`, () =>
    scoreGraph(loaded.model, loaded.attached?.adapter, shape),
  );
  const { logprobs, total } = await program.run(tokenFeeds(batch, packed));
  return { logprobs: logprobs?.data ?? [], total: total?.data[0] ?? Number.NaN };
}

/** Sum of the losses and number of the supervised tokens of each example of a batch. */
function exampleSums(batch: Batch, logprobs: ArrayLike<number>): { nats: number; tokens: number }[] {
  const sums: { nats: number; tokens: number }[] = [];
  for (let i = 0; i < batch.weights.length; i++) {
    const begins = i % batch.length === 0 || batch.segments[i] !== batch.segments[i - 1];
    if (begins) sums.push({ nats: 0, tokens: 0 });
    const sum = sums.at(-1);
    const weight = batch.weights[i] ?? 0;
    if (!sum || weight === 0) continue;
    sum.nats -= weight * (logprobs[i] ?? Number.NaN);
    sum.tokens += weight;
  }
  return sums.filter(({ tokens }) => tokens > 0);
}

/** Mean negative log-likelihood in nats of the supervised tokens of all batches, their number, and the mean's standard error over examples. */
export async function meanLoss(
  loaded: ReadyModel,
  batches: Iterable<Batch>,
  packed: boolean,
): Promise<{ loss: number; supervisedTokens: number; error?: number }> {
  let total = 0;
  let supervisedTokens = 0;
  const sums: { nats: number; tokens: number }[] = [];
  for (const batch of batches) {
    const found = await scoreBatch(loaded, batch, packed);
    total += found.total;
    supervisedTokens += batch.supervisedTokens;
    sums.push(...exampleSums(batch, found.logprobs));
  }
  const loss = total / supervisedTokens;
  const k = sums.length;
  const squares = sums.reduce((sum, { nats, tokens }) => sum + (nats - loss * tokens) ** 2, 0);
  const error = k < 2 ? {} : { error: Math.sqrt((k / (k - 1)) * squares) / supervisedTokens };
  return { loss, supervisedTokens, ...error };
}

/** One line of `tuneloop score`. */
export interface ScoreLine {
  readonly index: number;
  readonly ids: readonly number[];
  /** 1 where the token is supervised. */
  readonly mask: readonly number[];
  /** ln p(ids[t] given ids[<t]); null at 0. */
  readonly logprobs: readonly (number | null)[];
}

const lengthOf = ({ engine }: ReadyModel, lengths: readonly number[]): number =>
  paddedLength(Math.max(...lengths), engine);

/** What it takes to score examples of these lengths, in this order. */
export function scoringWork(loaded: ReadyModel, lengths: readonly number[], { batchSize }: ScoringOptions): Work {
  if (lengths.length === 0) return allOf([]);
  const shape = { batch: Math.min(batchSize, lengths.length), length: lengthOf(loaded, lengths), packed: false };
  return {
    graphs: [() => scoreGraph(loaded.model, loaded.attached?.adapter, shape)],
    hostBytes: 0,
    places: inBatches(lengths, batchSize).reduce((sum, batch) => sum + batch.length * lengthOf(loaded, batch), 0),
    writes: 0,
  };
}

/** Scores examples in batches; lines come in the order of the examples. */
export async function* score(
  loaded: ReadyModel,
  examples: AsyncIterable<TrainExample> | Iterable<TrainExample>,
  options: ScoringOptions,
): AsyncGenerator<ScoreLine> {
  let waiting: TrainExample[] = [];
  const flush = async (): Promise<ScoreLine[]> => {
    const rows = waiting;
    waiting = [];
    if (rows.length === 0) return [];
    const length = lengthOf(
      loaded,
      rows.map(({ ids }) => ids.length),
    );
    const { logprobs } = await scoreBatch(
      loaded,
      collate(
        rows.map((row) => [row]),
        length,
        0,
      ),
      false,
    );
    return rows.map(({ index, ids, mask }, row) => ({
      index,
      ids: [...ids],
      mask: [...mask],
      logprobs: Array.from(ids, (_, t) => (t === 0 ? null : (logprobs[row * length + t - 1] ?? Number.NaN))),
    }));
  };
  for await (const example of examples) {
    if (example.ids.length === 0) {
      yield* await flush();
      yield { index: example.index, ids: [], mask: [], logprobs: [] };
      continue;
    }
    waiting.push(example);
    if (waiting.length === options.batchSize) yield* await flush();
  }
  yield* await flush();
}
