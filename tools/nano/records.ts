import { drawer } from './draw.ts';
import { possession, possessionSentences } from './lessons.ts';

export interface RecordRow {
  readonly prompt: readonly { readonly role: 'user'; readonly content: string }[];
  readonly completion: readonly { readonly role: 'assistant'; readonly content: string }[];
}

/** The bundled task: a sentence to a JSON list, a format that nano's own text never shows. */
function recordRow(seed: number, index: number): RecordRow {
  const draw = drawer(seed, 'records', index);
  const drawn = possession(draw, 2);
  const { who, count, color } = drawn;
  const content = `Make a record: ${draw.of(possessionSentences)(drawn)}`;
  return {
    prompt: [{ role: 'user', content }],
    completion: [{ role: 'assistant', content: JSON.stringify([who, count, color]) }],
  };
}

const recordsSeed = 2;

/** Rows for training and, with other records, for testing. */
export function recordRows(
  trainCount: number,
  testCount: number,
): { readonly train: RecordRow[]; readonly test: RecordRow[] } {
  const rows: RecordRow[] = [];
  const seen = new Set<string>();
  for (let index = 0; rows.length < trainCount + testCount; index++) {
    const row = recordRow(recordsSeed, index);
    const record = row.completion[0]?.content ?? '';
    if (seen.has(record)) continue;
    seen.add(record);
    rows.push(row);
  }
  return { train: rows.slice(0, trainCount), test: rows.slice(trainCount) };
}

export const toLines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
