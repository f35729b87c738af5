/** Rows to a data set for supervised training: what is learned, and what was cut, dropped or odd, each by its input line. */
import type { Tokenizer } from '../hub/tokenizer.ts';
import { type ExampleStore, exampleStore, type StoredExamples } from './examples.ts';
import { readExample, refuseJudged, supervisedFormats } from './formats.ts';
import { hash64, hashIndex } from './hash.ts';
import { refuseSilentMessages } from './messages.ts';
import type { Row } from './reader.ts';
import { templateMismatch } from './roundTrip.ts';
import { superviseExample, type SuperviseOptions } from './supervise.ts';
import type { TaskItem } from './taskItem.ts';
import { textKeys } from './texts.ts';

export type { TrainExample } from './examples.ts';

export type DropReason =
  | 'nothing supervised'
  | 'nothing supervised after truncation'
  | 'an empty prompt'
  | 'a prompt that is too long';

export type Dataset = {
  examples: StoredExamples;
  /** Of prompts that the model answers by itself: what graders look at, by input line. */
  items?: ReadonlyMap<number, TaskItem>;
  dropped: { index: number; reason: DropReason }[];
  /** Input lines that were cut to maxLength. */
  truncated: number[];
  promptMismatches: number[];
  /** Input lines of chats whose template does not round-trip; refused unless that is allowed. */
  templateMismatches: number[];
  /** Input lines whose tokens and mask equal an earlier line's. */
  duplicates: number[];
  /** File and line of an input line: a.jsonl, line 3. */
  placeOf: (index: number) => string;
  /** Some of several input lines, without the file where there is one: input lines 3, 7, …. */
  placesOf: (indexes: readonly number[]) => string;
};

export type DatasetOptions = SuperviseOptions & {
  /** Takes chats whose template does not round-trip and counts them. */
  allowTemplateMismatch?: boolean;
  /** Where the examples go; memory unless given. */
  store?: ExampleStore;
};

/** A data set without rows yet; `note` is told of each. */
export function newDataset(store: ExampleStore): { dataset: Dataset; note: (row: Row) => void } {
  const { note, placeOf, placesOf } = placeBook();
  const none = { dropped: [], truncated: [], promptMismatches: [], templateMismatches: [], duplicates: [] };
  return { dataset: { examples: store, ...none, placeOf, placesOf }, note };
}

/** Tokenises and masks all rows; errors name the row. Rows with no target to learn are dropped, as they would add nothing to any step. */
export async function prepareDataset(
  rows: AsyncIterable<Row>,
  tokenizer: Tokenizer,
  options: DatasetOptions = {},
): Promise<Dataset> {
  const { allowTemplateMismatch = false, store = exampleStore() } = options;
  const { dataset, note } = newDataset(store);
  const seen = hashIndex();
  for await (const row of rows) {
    const { index } = row;
    note(row);
    refuseJudged(row);
    refuseSilentMessages(row);
    const example = readExample(row, supervisedFormats);
    const made = placed(row, () => superviseExample(example, tokenizer, options));
    const { ids, mask, truncated, promptMismatch } = made;
    if (example.kind === 'chat' || example.kind === 'chatPair') {
      const reason = placed(row, () => templateMismatch(example, tokenizer, made));
      if (reason !== undefined && !allowTemplateMismatch)
        throw new RangeError(
          `${row.place}: the chat template does not round-trip: ${reason}. The model would be asked otherwise than it was trained; data.allowTemplateMismatch trains anyway`,
        );
      if (reason !== undefined) dataset.templateMismatches.push(index);
    }
    if (truncated) dataset.truncated.push(index);
    if (promptMismatch) dataset.promptMismatches.push(index);
    if (!mask.includes(1, 1)) {
      dataset.dropped.push({ index, reason: truncated ? 'nothing supervised after truncation' : 'nothing supervised' });
      continue;
    }
    const key = hash64(ids.length, (t) => (ids[t] ?? 0) * 2 + (mask[t] ?? 0));
    if (seen.add(key, store.count) >= 0) dataset.duplicates.push(index);
    store.add({ index, ids: Int32Array.from(ids), mask: Uint8Array.from(mask) }, textKeys(example));
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

/** Remembers where each file's rows begin, instead of every row's place. */
function placeBook(): Pick<Dataset, 'placeOf' | 'placesOf'> & { note: (row: Row) => void } {
  const files: { name: string; unit: string; first: number }[] = [];
  const numbered = (index: number): { name: string; unit: string; number: number } => {
    const file = files.findLast(({ first }) => first <= index) ?? { name: '', unit: 'row', first: 0 };
    return { name: file.name, unit: file.unit, number: index - file.first + 1 };
  };
  const placeOf = (index: number): string => {
    const { name, unit, number } = numbered(index);
    return `${name}, ${unit} ${number}`;
  };
  return {
    note({ place, index }) {
      const [, name = place, unit = 'row', number = '1'] = /^(.*), (line|row) (\d+)$/.exec(place) ?? [];
      // Records of CSV may span lines: there a row's number is told, as it is by its order.
      const counted = /\.(?:csv|tsv)(?:\.gz)?$/i.test(name) ? 'row' : unit;
      if (files.at(-1)?.name !== name)
        files.push({ name, unit: counted, first: counted === 'line' ? index - Number(number) + 1 : index });
    },
    placeOf,
    placesOf(indexes) {
      const more = indexes.length > 5 ? ', …' : '';
      const shown = indexes.slice(0, 5);
      if (files.length > 1) return `${shown.map(placeOf).join('; ')}${more}`;
      const numbers = shown.map((index) => numbered(index).number).join(', ');
      return `input ${files[0]?.unit ?? 'row'}${indexes.length === 1 ? '' : 's'} ${numbers}${more}`;
    },
  };
}
