/** Batches in a fixed shape, in an order that the seed decides, from any point on. */
import type { Examples, TrainExample } from './examples.ts';
import { mixedOrder, type OrderOf } from './mix.ts';
import { packBestFit } from './packing.ts';
import { paddedLength } from './padding.ts';

/**
 * One micro-batch; all arrays are [batch, length], row-major. Targets are the next tokens within a segment (0 where there is none),
 * weights 1 where the target is learned, positions start at 0 in every segment, segments number the examples of a row and are -1 at padding.
 */
export type Batch = {
  batch: number;
  length: number;
  ids: Int32Array;
  targets: Int32Array;
  weights: Float32Array;
  positions: Int32Array;
  segments: Int32Array;
  /** Of a classifier's batch: which text of a pair each token belongs to, and the targets [examples, labels] where there are any. */
  classified?: { tokenTypes: Int32Array; labels: Float32Array };
  /** Of the model's own answers: what each is worth [batch], and its tokens' log-probabilities when it was given [batch, length], where they are known. */
  answered?: { advantages: Float32Array; oldLogprobs?: Float32Array };
  /** Tokens without padding. */
  tokens: number;
  /** Targets that are learned: the sum of the weights; of classified examples, sequences and pairs their number. */
  supervisedTokens: number;
  /** Input lines of each row's examples. */
  rowIndexes: number[][];
};

export type BatchOptions = {
  /** Rows per batch; packed rows count as one. */
  batchSize: number;
  /** Row lengths are rounded up to a multiple of this; without it as `paddedLength` says. */
  padMultiple?: number;
  slowToLoad?: boolean | undefined;
  /** Pack examples into rows of this many tokens, best fit first; those of one data set with each other. */
  packLength?: number;
  /** Sizes of the data sets that the examples come from, one after another. */
  parts?: readonly number[];
  /** The order of an epoch's rows; without it, the data's own. */
  order?: OrderOf;
  /** Rows of like length together, the longest first, those of one length in the order of the epoch: fewest places of padding. */
  byLength?: boolean;
  padId?: number;
  /** Leaves out the rest of an epoch's rows that makes no whole batch. */
  dropLast?: boolean;
  /** What a target is: a token unless given. Pairs are examples of two sequences, told apart by their token types: each is a segment. */
  counts?: 'tokens' | 'sequences' | 'pairs';
};

export type Batches = {
  batchesPerEpoch: number;
  /** Most tokens that a row holds, padding included: the longest shape that will come. */
  longest: number;
  at: (epoch: number, position: number) => Batch;
  /** Places of an epoch's batches, and how many of them hold a token: the rest is padding. */
  sizeOf: (epoch: number) => { tokens: number; cells: number };
};

/** Another permutation for every epoch, from the seed alone. */
export const seededOrder = (seed: number, weights?: readonly number[]): OrderOf => mixedOrder({ seed, weights });

/** Batches over examples; the last one of an epoch may have fewer rows. RangeError for no examples or an example longer than `packLength`. */
export function makeBatches(examples: Examples, options: BatchOptions): Batches {
  const { batchSize, padMultiple, packLength, parts = [examples.count], order = mixedOrder() } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`Expected a batch size of at least 1 but found ${batchSize}`);
  if (padMultiple !== undefined && (!Number.isInteger(padMultiple) || padMultiple < 1))
    throw new RangeError(`Expected a padding multiple of at least 1 but found ${padMultiple}`);
  if (examples.count === 0) throw new RangeError('Expected at least one example but found none');
  if (parts.includes(0)) throw new RangeError('Expected at least one example of each data set but found one with none');
  const rows = packLength === undefined ? rowsOfOne(parts) : packedRows(examples, parts, packLength);
  const lengthOf = (row: number): number => rows.at(row).reduce((sum, i) => sum + examples.lengthOf(i), 0);
  const rounded = (length: number): number =>
    padMultiple === undefined ? paddedLength(length, options) : Math.ceil(length / padMultiple) * padMultiple;
  const { perEpoch, at: orderOf } = order(rows.counts);
  let known: { epoch: number; order: Int32Array } | undefined;
  const placesOf = (epoch: number): Int32Array => {
    if (known?.epoch !== epoch) {
      const rowsInOrder = orderOf(epoch);
      // Sorting numbers is stable, so that rows of one length keep their order.
      const order = options.byLength === true ? rowsInOrder.toSorted((a, b) => lengthOf(b) - lengthOf(a)) : rowsInOrder;
      known = { epoch, order };
    }
    return known.order;
  };
  const total = rows.counts.reduce((sum, count) => sum + count, 0);
  let longest = 0;
  for (let row = 0; row < total; row++) longest = Math.max(longest, lengthOf(row));
  const batchesPerEpoch =
    options.dropLast === true ? Math.floor(perEpoch / batchSize) : Math.ceil(perEpoch / batchSize);
  if (batchesPerEpoch === 0)
    throw new RangeError(`Expected at least ${batchSize} examples for a batch but found ${perEpoch}`);
  const chosen = (epoch: number, position: number): number[] =>
    Array.from(placesOf(epoch).subarray(position * batchSize, (position + 1) * batchSize));
  return {
    batchesPerEpoch,
    longest: rounded(longest),
    at(epoch, position) {
      if (!Number.isInteger(position) || position < 0 || position >= batchesPerEpoch) {
        throw new RangeError(`Expected a batch from 0 to ${batchesPerEpoch - 1} but found ${position}`);
      }
      const held = chosen(epoch, position).map((row) => rows.at(row).map((i) => examples.at(i)));
      const width = (row: readonly TrainExample[]): number => row.reduce((sum, { ids }) => sum + ids.length, 0);
      const length = rounded(Math.max(...held.map(width)));
      const { counts = 'tokens' } = options;
      const split = counts === 'pairs' ? held.map((row) => row.flatMap(sequencesOf)) : held;
      const batch = collate(split, length, options.padId ?? 0);
      return counts === 'tokens' ? batch : { ...batch, supervisedTokens: held.length };
    },
    sizeOf(epoch) {
      const size = { tokens: 0, cells: 0 };
      for (let position = 0; position < batchesPerEpoch; position++) {
        const lengths = chosen(epoch, position).map(lengthOf);
        size.tokens += lengths.reduce((sum, length) => sum + length, 0);
        size.cells += lengths.length * rounded(Math.max(...lengths));
      }
      return size;
    },
  };
}

/** The two sequences of a pair as examples of their own. */
function sequencesOf({ index, ids, mask, tokenTypes }: TrainExample): TrainExample[] {
  const first = tokenTypes?.indexOf(1) ?? -1;
  if (first <= 0) throw new RangeError(`Expected two sequences at input line ${index + 1} but found one`);
  return [
    { index, ids: ids.subarray(0, first), mask: mask.subarray(0, first) },
    { index, ids: ids.subarray(first), mask: mask.subarray(first) },
  ];
}

/** Rows as lists of example numbers, and how many there are of each data set. */
type Rows = { counts: readonly number[]; at: (row: number) => readonly number[] };

const rowsOfOne = (parts: readonly number[]): Rows => ({ counts: parts, at: (row) => [row] });

function packedRows(examples: Examples, parts: readonly number[], packLength: number): Rows {
  const counts: number[] = [];
  const bins: number[][] = [];
  let first = 0;
  for (const part of parts) {
    const lengths = Array.from({ length: part }, (_, i) => examples.lengthOf(first + i));
    const tooLong = lengths.findIndex((length) => length > packLength);
    if (tooLong >= 0) {
      const { index } = examples.at(first + tooLong);
      throw new RangeError(
        `Expected at most ${packLength} tokens to pack but found ${lengths[tooLong]} at input line ${index + 1}`,
      );
    }
    const packed = packBestFit(lengths, packLength);
    for (const bin of packed) bins.push(bin.map((i) => first + i));
    counts.push(packed.length);
    first += part;
  }
  return { counts, at: (row) => bins[row] ?? [] };
}

/** Lays rows of examples side by side into [rows, length]. */
export function collate(rows: readonly (readonly TrainExample[])[], length: number, padId: number): Batch {
  const size = rows.length * length;
  const made: Batch = {
    batch: rows.length,
    length,
    ids: new Int32Array(size).fill(padId),
    targets: new Int32Array(size),
    weights: new Float32Array(size),
    positions: new Int32Array(size),
    segments: new Int32Array(size).fill(-1),
    tokens: 0,
    supervisedTokens: 0,
    rowIndexes: rows.map((row) => row.map(({ index }) => index)),
  };
  const first = rows[0]?.[0];
  if (first?.tokenTypes ?? first?.label) {
    const labels = rows.flatMap((row) => row.flatMap(({ label }) => (label ? [...label] : [])));
    made.classified = { tokenTypes: new Int32Array(size), labels: Float32Array.from(labels) };
  }
  rows.forEach((row, r) => {
    let at = r * length;
    row.forEach(({ ids, mask, tokenTypes, label }, segment) => {
      made.ids.set(ids, at);
      made.targets.set(ids.subarray(1), at);
      made.segments.fill(segment, at, at + ids.length);
      if (tokenTypes) made.classified?.tokenTypes.set(tokenTypes, at);
      if (label) made.supervisedTokens++;
      for (let t = 0; t < ids.length; t++) {
        made.positions[at + t] = t;
        const weight = mask[t + 1] ?? 0;
        made.weights[at + t] = weight;
        made.supervisedTokens += weight;
      }
      made.tokens += ids.length;
      at += ids.length;
    });
  });
  return made;
}
