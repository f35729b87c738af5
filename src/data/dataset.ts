/** Rows to a data set for supervised training: what is learned, and what was cut, dropped or odd, each by its input line. */
import type { Tokenizer } from '../hub/tokenizer.ts';
import { readExample, supervisedFormats } from './formats.ts';
import type { Row } from './reader.ts';
import { superviseExample, type SuperviseOptions } from './supervise.ts';

/** One example to learn from; `index` is its input line. */
export type TrainExample = {
  index: number;
  ids: Int32Array;
  mask: Uint8Array;
  /** Of a classifier's text: 0 in the first of a pair, 1 in the second. */
  tokenTypes?: Uint8Array;
  /** A classifier's targets, one per label. */
  label?: Float32Array;
};

export type DropReason = 'nothing supervised' | 'nothing supervised after truncation';

export type Dataset = {
  examples: TrainExample[];
  dropped: { index: number; reason: DropReason }[];
  /** Input lines that were cut to maxLength. */
  truncated: number[];
  promptMismatches: number[];
  /** Input lines whose tokens and mask equal an earlier line's. */
  duplicates: number[];
};

/** Tokenises and masks all rows; errors name the row. Rows with no target to learn are dropped, as they would add nothing to any step. */
export async function prepareDataset(
  rows: AsyncIterable<Row>,
  tokenizer: Tokenizer,
  options: SuperviseOptions = {},
): Promise<Dataset> {
  const dataset: Dataset = { examples: [], dropped: [], truncated: [], promptMismatches: [], duplicates: [] };
  const seen = new Set<string>();
  for await (const row of rows) {
    const { index } = row;
    const example = readExample(row, supervisedFormats);
    const { ids, mask, truncated, promptMismatch } = placed(row, () => superviseExample(example, tokenizer, options));
    if (truncated) dataset.truncated.push(index);
    if (promptMismatch) dataset.promptMismatches.push(index);
    if (!mask.includes(1, 1)) {
      dataset.dropped.push({ index, reason: truncated ? 'nothing supervised after truncation' : 'nothing supervised' });
      continue;
    }
    const made = { index, ids: Int32Array.from(ids), mask: Uint8Array.from(mask) };
    const key = fingerprint(made);
    if (seen.has(key)) dataset.duplicates.push(index);
    seen.add(key);
    dataset.examples.push(made);
  }
  return dataset;
}

/** Does the work for one row; its errors say which. */
export function placed<T>(row: Row, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const Kind = error instanceof RangeError ? RangeError : error instanceof TypeError ? TypeError : Error;
    throw new Kind(`${row.place}: ${error.message}`, { cause: error });
  }
}

/** 106 bits over ids and mask (two FNV-1a-like hashes): equal examples are equal, others all but never. */
function fingerprint({ ids, mask }: TrainExample): string {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (const [t, id] of ids.entries()) {
    const word = id * 2 + (mask[t] ?? 0);
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul((b ^ word) + t, 0x85ebca6b) ^ (b >>> 15);
  }
  return `${ids.length}:${a}:${b}`;
}
