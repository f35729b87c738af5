import type { z } from 'zod';
import { tuneSchema } from './config.ts';

/** How a field is written on a command line and in docs. */
export type FieldKind =
  | { readonly type: 'text' }
  | { readonly type: 'number' }
  | { readonly type: 'boolean' }
  | { readonly type: 'choice'; readonly values: readonly string[] }
  | { readonly type: 'names' }
  /** Several texts, one after another, that may hold commas. */
  | { readonly type: 'texts' }
  | { readonly type: 'list'; readonly of: 'text' | 'number' }
  | { readonly type: 'map'; readonly of: 'text' | 'number' };

/** One leaf of the config. */
export interface ConfigField {
  /** Path from the top: adapter.r. */
  readonly path: string;
  readonly kind: FieldKind;
  readonly description: string;
  /** Undefined where the field may stay away or must be given. */
  readonly default?: unknown;
  readonly required: boolean;
  /** Of a seam with types, those that have this field; undefined where all do. */
  readonly types?: readonly string[];
  /** The default of each type that has the field, where they differ; `default` is then the first's. */
  readonly typeDefaults?: Readonly<Record<string, unknown>>;
  /** What its values must fulfil. */
  readonly schema: z.ZodType;
}

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypes['_zod']['def'];

const defOf = (schema: Schema): Def => (schema as z.core.$ZodTypes)._zod.def;

interface Unwrapped {
  readonly schema: Schema;
  readonly optional: boolean;
  readonly default?: unknown;
}

function unwrap(schema: Schema): Unwrapped {
  const def = defOf(schema);
  if (def.type === 'optional') return { ...unwrap(def.innerType), optional: true };
  if (def.type === 'prefault') return { ...unwrap(def.innerType), optional: true };
  if (def.type === 'default') return { ...unwrap(def.innerType), optional: true, default: def.defaultValue };
  return { schema, optional: false };
}

/** The values of a schema that are few, as texts; N stands for a number in one. */
function choicesOf(schema: Schema): readonly string[] | undefined {
  const def = defOf(schema);
  if (def.type === 'enum') return Object.values(def.entries).map(String);
  if (def.type === 'boolean') return ['true', 'false'];
  if (def.type === 'template_literal')
    return [def.parts.map((part) => (typeof part === 'object' && part !== null ? 'N' : String(part))).join('')];
  return undefined;
}

function kindOf(schema: Schema, path: string): FieldKind {
  const def = defOf(schema);
  if (def.type === 'string') return { type: 'text' };
  if (def.type === 'number') return { type: 'number' };
  if (def.type === 'boolean') return { type: 'boolean' };
  if (def.type === 'enum') return { type: 'choice', values: Object.values(def.entries).map(String) };
  if (def.type === 'literal') {
    return typeof def.values[0] === 'number' ? { type: 'number' } : { type: 'choice', values: def.values.map(String) };
  }
  if (def.type === 'union') {
    const values = def.options.map(choicesOf);
    if (values.every((each) => each !== undefined)) return { type: 'choice', values: [...new Set(values.flat())] };
    return { type: (schema as z.ZodType).meta()?.['list'] === 'texts' ? 'texts' : 'names' };
  }
  if (def.type === 'array') return { type: 'list', of: defOf(def.element).type === 'number' ? 'number' : 'text' };
  if (def.type === 'record') return { type: 'map', of: defOf(def.valueType).type === 'number' ? 'number' : 'text' };
  throw new TypeError(`Expected a kind of field that flags can set at ${path} but found ${def.type}`);
}

/** Fields of all the types that a seam can have, each once; the field that tells them apart is a choice, described by what the seam is and what each type says of itself. */
function fieldsOfTypes(
  options: readonly Schema[],
  discriminator: string,
  { prefix, about }: { readonly prefix: string; readonly about: string },
): ConfigField[] {
  const path = `${prefix}.${discriminator}`;
  const byPath = new Map<string, { readonly type: string; readonly field: ConfigField }[]>();
  const values: string[] = [];
  for (const option of options) {
    const fields = fieldsOf(option, prefix);
    const [type = ''] = fields.flatMap((field) =>
      field.path === path && field.kind.type === 'choice' ? field.kind.values : [],
    );
    values.push(type);
    for (const field of fields) byPath.set(field.path, [...(byPath.get(field.path) ?? []), { type, field }]);
  }
  return [...byPath.values()].flatMap((all): ConfigField[] => {
    const [first] = all;
    if (first === undefined) return [];
    if (first.field.path === path) {
      const said = all.flatMap(({ type, field: { description } }) =>
        description === '' ? [] : `${type} ${description}`,
      );
      const description = said.length === 0 ? about : `${about}: ${said.join('; ')}`;
      return [{ ...first.field, description, kind: { type: 'choice', values } }];
    }
    const types = all.length === options.length ? {} : { types: all.map(({ type }) => type) };
    const given = all.map(({ type, field }): [string, unknown] => [type, field.default]);
    const differ = new Set(given.map(([, value]) => JSON.stringify(value))).size > 1;
    return [{ ...first.field, ...types, ...(differ ? { typeDefaults: Object.fromEntries(given) } : {}) }];
  });
}

/** Every leaf of a schema, in its order. */
export function fieldsOf(schema: Schema, prefix = ''): ConfigField[] {
  const { schema: inner, optional, default: value } = unwrap(schema);
  const def = defOf(inner);
  if (def.type === 'object') {
    return Object.entries(def.shape).flatMap(([key, each]) => fieldsOf(each, prefix === '' ? key : `${prefix}.${key}`));
  }
  const description = (schema as z.ZodType).description ?? (inner as z.ZodType).description ?? '';
  if (def.type === 'union' && 'discriminator' in def)
    return fieldsOfTypes(def.options, String(def.discriminator), { prefix, about: description });
  const field = { path: prefix, kind: kindOf(inner, prefix), description, required: !optional };
  return [{ ...field, schema: inner as z.ZodType, ...(value === undefined ? {} : { default: value }) }];
}

/** Every leaf of the config, in its order; the schema version is not one that anybody sets. */
export const configFields: readonly ConfigField[] = fieldsOf(tuneSchema).filter(({ path }) => path !== 'schemaVersion');
