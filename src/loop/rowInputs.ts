/** Rows of data as what models take: prompts to go on from, examples to score or classify. Errors name the row. */
import type { TrainExample } from '../data/dataset.ts';
import { generateFormats, readExample, supervisedFormats } from '../data/formats.ts';
import type { Row, RowFields } from '../data/reader.ts';
import { superviseExample, type SuperviseOptions } from '../data/supervise.ts';
import { isRecord } from '../hub/json.ts';
import type { Prompt } from './generate.ts';
import { type ReadyModel, tokenizerOf } from './readyModel.ts';

/** The fields of a row as a file has them, or a text alone. */
export type RowInput = string | { readonly [column: string]: unknown };

/** Rows by their place in a list; a text alone is the column that is named. */
export function rowsOf(inputs: Iterable<RowInput>, textColumn: string): Row[] {
  return [...inputs].map((input, index) => {
    const place = `row ${index + 1}`;
    const fields = typeof input === 'string' ? { [textColumn]: input } : input;
    if (!isRecord(fields)) throw new TypeError(`${place}: expected text or an object with columns`);
    return { index, place, fields: fields as RowFields };
  });
}

/** Does the work for one row; its errors say which row. */
export function atRow<T>(row: Row, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw message.startsWith(row.place) ? cause : new Error(`${row.place}: ${message}`, { cause });
  }
}

/** {prompt}, {messages, tools?} or {ids} as token ids, messages through the chat template with a generation prompt. */
export function promptsOf(rows: Iterable<Row>, loaded: ReadyModel): Prompt[] {
  const tokenizer = tokenizerOf(loaded);
  return Array.from(rows, (row) =>
    atRow(row, () => {
      const { ids: given } = row.fields;
      if (Array.isArray(given)) return { index: row.index, ids: given as number[] };
      const example = readExample(row, generateFormats);
      if (example.kind === 'prompt') return { index: row.index, ids: tokenizer.encode(example.prompt) };
      const { messages, tools, variables } = example;
      const { ids } = tokenizer.applyChatTemplate(messages, {
        addGenerationPrompt: true,
        ...(tools === undefined ? {} : { tools }),
        ...(variables === undefined ? {} : { variables }),
      });
      return { index: row.index, ids };
    }),
  );
}

/** {text}, {prompt, completion} or {messages, tools?} as token ids with the mask of what is supervised. */
export function examplesOf(rows: Iterable<Row>, loaded: ReadyModel, options: SuperviseOptions): TrainExample[] {
  const tokenizer = tokenizerOf(loaded);
  return Array.from(rows, (row) => {
    const { ids, mask } = atRow(row, () => superviseExample(readExample(row, supervisedFormats), tokenizer, options));
    return { index: row.index, ids: Int32Array.from(ids), mask: Uint8Array.from(mask) };
  });
}
