/** Batches in a fixed shape, in an order that the seed decides, from any point on. */
import { permutation, randomKey } from '../ir/random.ts';
import type { TrainExample } from './dataset.ts';
import { packBestFit } from './packing.ts';

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
  /** Tokens without padding. */
  tokens: number;
  /** Targets that are learned: the sum of the weights, for classified examples their number. */
  supervisedTokens: number;
  /** Input lines of each row's examples. */
  rowIndexes: number[][];
};

export type BatchOptions = {
  /** Rows per batch; packed rows count as one. */
  batchSize: number;
  /** Row lengths are rounded up to a multiple of this, so that few shapes exist. */
  padMultiple?: number;
  /** Pack examples into rows of this many tokens, best fit first. */
  packLength?: number;
  /** The order of an epoch's rows; without it, the data's own. */
  order?: (rows: number, epoch: number) => Int32Array;
  padId?: number;
};

export type Batches = {
  batchesPerEpoch: number;
  /** Most tokens that a row holds, padding included: the longest shape that will come. */
  longest: number;
  at: (epoch: number, position: number) => Batch;
};

/** Another permutation for every epoch, from the seed alone. */
export function seededOrder(seed: number): (rows: number, epoch: number) => Int32Array {
  return (rows, epoch) => permutation(rows, randomKey(seed, 'data order', epoch));
}

/** Batches over examples; the last one of an epoch may have fewer rows. RangeError for no examples or an example longer than `packLength`. */
export function makeBatches(examples: readonly TrainExample[], options: BatchOptions): Batches {
  const { batchSize, padMultiple = 64, packLength, order } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`Expected a batch size of at least 1 but found ${batchSize}`);
  if (!Number.isInteger(padMultiple) || padMultiple < 1)
    throw new RangeError(`Expected a padding multiple of at least 1 but found ${padMultiple}`);
  if (examples.length === 0) throw new RangeError('Expected at least one example but found none');
  const rows = packLength === undefined ? examples.map((example) => [example]) : pack(examples, packLength);
  const lengthOf = (row: readonly TrainExample[]): number => row.reduce((sum, { ids }) => sum + ids.length, 0);
  const rounded = (length: number): number => Math.ceil(length / padMultiple) * padMultiple;
  let known: { epoch: number; order: Int32Array } | undefined;
  const orderOf = (epoch: number): Int32Array | undefined => {
    if (order === undefined) return undefined;
    if (known?.epoch !== epoch) known = { epoch, order: order(rows.length, epoch) };
    return known.order;
  };
  const batchesPerEpoch = Math.ceil(rows.length / batchSize);
  return {
    batchesPerEpoch,
    longest: rounded(rows.reduce((longest, row) => Math.max(longest, lengthOf(row)), 0)),
    at(epoch, position) {
      if (!Number.isInteger(position) || position < 0 || position >= batchesPerEpoch) {
        throw new RangeError(`Expected a batch from 0 to ${batchesPerEpoch - 1} but found ${position}`);
      }
      const places = orderOf(epoch);
      const chosen: TrainExample[][] = [];
      for (let i = position * batchSize; i < Math.min((position + 1) * batchSize, rows.length); i++) {
        chosen.push(rows[places === undefined ? i : (places[i] ?? 0)] ?? []);
      }
      return collate(chosen, rounded(Math.max(...chosen.map(lengthOf))), options.padId ?? 0);
    },
  };
}

function pack(examples: readonly TrainExample[], packLength: number): TrainExample[][] {
  const tooLong = examples.find(({ ids }) => ids.length > packLength);
  if (tooLong !== undefined) {
    throw new RangeError(
      `Expected at most ${packLength} tokens to pack but found ${tooLong.ids.length} at input line ${tooLong.index + 1}`,
    );
  }
  const bins = packBestFit(
    examples.map(({ ids }) => ids.length),
    packLength,
  );
  return bins.map((bin) => bin.flatMap((i) => examples[i] ?? []));
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
  if (rows[0]?.[0]?.tokenTypes) {
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
