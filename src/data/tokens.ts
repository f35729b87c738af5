/** Rows that are token ids already. */
import type { Json } from '../hub/python-text.ts';
import { shown } from './messages.ts';
import type { Row, RowFields } from './reader.ts';

/** `mask` is what the row itself says is learned, `completionMask` what is the completion. */
export type TokensExample = { kind: 'tokens'; ids: number[]; mask?: number[]; completionMask?: number[] };

const present = (value: Json | undefined): value is Json => value !== undefined && value !== null;

function numbersAt(
  { fields, place }: Row,
  column: string,
  length: number | undefined,
  expected: string,
  fits: (value: number, t: number) => boolean,
): number[] {
  const list = fields[column];
  if (!Array.isArray(list))
    throw new TypeError(`${place}: ${column}: expected a list of numbers but found ${shown(list)}`);
  if (length !== undefined && list.length !== length)
    throw new RangeError(`${place}: ${column}: expected ${length} numbers as in input_ids but found ${list.length}`);
  for (const [t, value] of list.entries())
    if (typeof value !== 'number' || !fits(value, t))
      throw new RangeError(`${place}: ${column}[${t}]: expected ${expected} but found ${shown(value)}`);
  return list as number[];
}

/** TRL's pre-tokenised rows: labels as they are, -100 where nothing is learned; else assistant_masks, and completion_mask where the loss asks for the completion. */
export const tokens = {
  columns: '{input_ids, labels?, completion_mask?, assistant_masks?}',
  fits: (fields: RowFields): boolean => present(fields['input_ids']),
  read(row: Row): TokensExample {
    const { fields, place } = row;
    const ids = numbersAt(row, 'input_ids', undefined, 'a token id', (id) => Number.isSafeInteger(id) && id >= 0);
    if (ids.length === 0) throw new RangeError(`${place}: input_ids: expected at least one token id but found none`);
    const bits = (column: string): number[] =>
      numbersAt(row, column, ids.length, '0 or 1', (bit) => bit === 0 || bit === 1);
    if (present(fields['attention_mask']) && bits('attention_mask').includes(0))
      throw new RangeError(`${place}: attention_mask: expected rows without padding but found 0 in it`);
    for (const column of ['position_ids', 'seq_lengths'])
      if (present(fields[column]))
        throw new RangeError(`${place}: ${column}: packed rows are not read; give the examples one by one`);
    if (present(fields['labels'])) {
      const expected = (t: number): string => `-100 or the token id itself, ${ids[t]},`;
      const labels = numbersAt(row, 'labels', ids.length, 'a number', () => true);
      const wrong = labels.findIndex((label, t) => label !== -100 && label !== ids[t]);
      if (wrong >= 0)
        throw new RangeError(`${place}: labels[${wrong}]: expected ${expected(wrong)} but found ${labels[wrong]}`);
      return { kind: 'tokens', ids, mask: labels.map((label) => (label === -100 ? 0 : 1)) };
    }
    return {
      kind: 'tokens',
      ids,
      ...(present(fields['assistant_masks']) ? { mask: bits('assistant_masks') } : {}),
      ...(present(fields['completion_mask']) ? { completionMask: bits('completion_mask') } : {}),
    };
  },
} as const;
