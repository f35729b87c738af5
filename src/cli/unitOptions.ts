import type { z } from 'zod';
import { fieldsOf } from '../loop/configFields.ts';
import { parseFields } from '../loop/parseConfig.ts';
import type { Args, Option } from './args.ts';

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** One option for each field of a unit's schema: topK is --top-k. */
export function unitOptions(schema: z.ZodType): readonly Option[] {
  return fieldsOf(schema).map(({ path, kind, description, default: value }) => ({
    name: dashed(path),
    kind,
    description,
    ...(value === undefined ? {} : { default: value }),
  }));
}

/** The options that were given, checked by the schema, with its defaults. */
export function unitValues<S extends z.ZodType>(schema: S, args: Args): z.output<S> {
  const fields = fieldsOf(schema);
  const given = fields.flatMap(({ path }) => {
    const value = args.given.get(dashed(path));
    return value === undefined ? [] : [[path, value] as const];
  });
  return parseFields(schema, fields, Object.fromEntries(given), (path) => `--${dashed(path)}`);
}
