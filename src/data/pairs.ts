/** Rows of preferences to pairs of sequences. */
import type { Tokenizer } from '../hub/tokenizer.ts';
import { type Dataset, newDataset, placed, type TrainExample } from './dataset.ts';
import { exampleStore, type ExampleStore } from './examples.ts';
import { hash64, hashIndex } from './hash.ts';
import { pairFormats, type PreferenceExample } from './preferences.ts';
import { refuseSilentMessages } from './messages.ts';
import type { Row } from './reader.ts';
import { superviseExample, type Supervised, type SupervisedExample } from './supervise.ts';
import { textKeys } from './texts.ts';

export interface PairOptions {
  /** Of each answer with its prompt; longer ones are cut at their end. */
  readonly maxLength?: number;
  readonly store?: ExampleStore;
}

type Pair = Extract<PreferenceExample, { kind: 'preference' }>;

function readPair(row: Row): Pair {
  const format = pairFormats.find(({ fits }) => fits(row.fields));
  if (format) return format.read(row);
  throw new TypeError(
    `${row.place}: expected columns ${pairFormats.map(({ columns }) => columns).join(' or ')} but found ${Object.keys(row.fields).join(', ') || 'none'}`,
  );
}

/** One answer with its prompt, as supervised training would have it. */
function answered(
  { prompt, kind: _kind, chosen, rejected, ...context }: Pair,
  which: 'chosen' | 'rejected',
): SupervisedExample {
  const completion = which === 'chosen' ? chosen : rejected;
  if (typeof prompt === 'string' && typeof completion === 'string') return { kind: 'pair', prompt, completion };
  if (typeof prompt !== 'string' && typeof completion !== 'string')
    return { kind: 'chatPair', prompt, completion, ...context };
  throw new TypeError(`Expected prompt and ${which} both as texts or both as messages but found one of each`);
}

/** A row of preferences as supervised training would have its chosen answer. */
export const chosenExample = (row: Row): SupervisedExample => {
  const pair = readPair(row);
  return placed(row, () => answered(pair, 'chosen'));
};

/** The two sequences as one example: token types tell them apart. */
export function pairExample(
  index: number,
  chosen: Pick<Supervised, 'ids' | 'mask'>,
  rejected: Pick<Supervised, 'ids' | 'mask'>,
): TrainExample {
  const sides = [chosen, rejected];
  return {
    index,
    ids: Int32Array.from(sides.flatMap(({ ids }) => ids)),
    mask: Uint8Array.from(sides.flatMap(({ mask }) => mask)),
    tokenTypes: Uint8Array.from(sides.flatMap(({ ids }, side) => ids.map(() => side))),
  };
}

/** Tokenises and masks both answers of all rows as TRL's DPOTrainer does; errors name the row. Pairs with nothing to compare are dropped. */
export async function preparePairs(
  rows: AsyncIterable<Row>,
  tokenizer: Tokenizer,
  { maxLength, store = exampleStore() }: PairOptions = {},
): Promise<Dataset> {
  const { dataset, note } = newDataset(store);
  const seen = hashIndex();
  for await (const row of rows) {
    const { index } = row;
    note(row);
    const pair = readPair(row);
    refuseSilentMessages(row);
    const options = { loss: 'completion' as const, ...(maxLength === undefined ? {} : { maxLength }) };
    const side = (which: 'chosen' | 'rejected'): Supervised =>
      placed(row, () => superviseExample(answered(pair, which), tokenizer, options));
    const [chosen, rejected] = [side('chosen'), side('rejected')];
    if (chosen.truncated || rejected.truncated) dataset.truncated.push(index);
    if (chosen.promptMismatch || rejected.promptMismatch) dataset.promptMismatches.push(index);
    if (!chosen.mask.includes(1, 1) || !rejected.mask.includes(1, 1)) {
      const cut = chosen.truncated || rejected.truncated;
      dataset.dropped.push({ index, reason: cut ? 'nothing supervised after truncation' : 'nothing supervised' });
      continue;
    }
    const example = pairExample(index, chosen, rejected);
    if (
      seen.add(
        hash64(example.ids.length, (t) => example.ids[t] ?? 0),
        store.count,
      ) >= 0
    )
      dataset.duplicates.push(index);
    store.add(example, textKeys(answered(pair, 'chosen')));
  }
  return dataset;
}
