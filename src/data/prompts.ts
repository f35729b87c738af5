/** Rows to prompts that a model answers by itself, with what graders look at. */
import type { Tokenizer } from '../hub/tokenizer.ts';
import { type Dataset, newDataset, placed } from './dataset.ts';
import { exampleStore, type ExampleStore } from './examples.ts';
import { promptFormats, readExample } from './formats.ts';
import { hash64, hashIndex } from './hash.ts';
import type { Row } from './reader.ts';
import { type TaskItem, taskItem } from './taskItem.ts';

export interface PromptOptions {
  /** Longest prompt in tokens; longer ones are left out. */
  readonly maxLength?: number;
  readonly store?: ExampleStore;
}

/** The item of a row, with the row's fields. Throws naming the place on a row without a prompt. */
export function itemOf(row: Row, tokenizer: Tokenizer): TaskItem {
  const example = readExample(row, promptFormats);
  return { ...placed(row, () => taskItem(row.index, example, tokenizer)), fields: row.fields };
}

/** Tokenises the prompts of all rows; errors name the row. Prompts that leave no room for an answer are dropped. */
export async function preparePrompts(
  rows: AsyncIterable<Row>,
  tokenizer: Tokenizer,
  { maxLength = Infinity, store = exampleStore() }: PromptOptions = {},
): Promise<Dataset> {
  const { dataset, note } = newDataset(store);
  const items = new Map<number, TaskItem>();
  const seen = hashIndex();
  for await (const row of rows) {
    const { index } = row;
    note(row);
    const item = itemOf(row, tokenizer);
    const { ids } = item;
    if (ids.length === 0 || ids.length > maxLength) {
      dataset.dropped.push({ index, reason: ids.length === 0 ? 'an empty prompt' : 'a prompt that is too long' });
      continue;
    }
    const key = hash64(ids.length, (t) => ids[t] ?? 0);
    if (seen.add(key, store.count) >= 0) dataset.duplicates.push(index);
    store.add({ index, ids: Int32Array.from(ids), mask: new Uint8Array(ids.length) }, { text: key, prompt: key });
    items.set(index, item);
  }
  return { ...dataset, items };
}
