import type { UserFunction } from '../hub/files-module.ts';
import { isRecord } from '../hub/json.ts';
import type { Json } from '../hub/python-text.ts';
import type { Row, RowFields } from './reader.ts';

/** What a formatter may give back: the fields of an example, several, or nothing to leave the row out. */
export type Formatted = RowFields | readonly RowFields[] | null | undefined;

/** A row's fields to an example's. */
export type Formatter = (
  fields: RowFields,
  row: { readonly index: number; readonly place: string },
) => Formatted | Promise<Formatted>;

/** Rows as a user's function makes them; errors name the module and the row. */
export async function* formattedRows(rows: AsyncIterable<Row>, { path, call }: UserFunction): AsyncGenerator<Row> {
  for await (const row of rows) {
    const { index, place } = row;
    let made: unknown;
    try {
      made = await call(row.fields, { index, place });
    } catch (cause) {
      throw new Error(`${path}, at ${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    const all: readonly unknown[] = Array.isArray(made) ? made : [made];
    for (const fields of all) {
      if (fields === null || fields === undefined) continue;
      if (!isRecord(fields))
        throw new TypeError(
          `${path}, at ${place}: expected an object with an example's fields, a list of them, or null but found ${typeof fields}`,
        );
      yield { ...row, fields: fields as { [column: string]: Json } };
    }
  }
}
