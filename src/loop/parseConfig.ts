import type { z } from 'zod';
import { describe, isRecord } from '../hub/json.ts';
import { strategyUnits } from '../optimizers/index.ts';
import { tuneSchema, type TuneConfig } from './config.ts';
import { type ConfigField, configFields } from './configFields.ts';
import { hint } from './nearest.ts';
import { UsageError } from './usageError.ts';

/** How errors call the field at a path: the option it came from, or file and path; the whole config is at ''. */
export type FieldName = (path: string) => string;

type Issue = z.core.$ZodIssue;

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce(
    (held: unknown, key) =>
      isRecord(held) || Array.isArray(held) ? (held as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

const kinds: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

const oneOf = (values: readonly string[]): string => values.join(', ').replace(/, ([^,]*)$/, ' or $1');

function expectedOf(issue: Issue, fields: readonly ConfigField[]): string {
  if (issue.code === 'invalid_type') return kinds[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String));
  if (issue.code === 'too_small' && issue.origin === 'string') return 'some text';
  if (issue.code === 'too_small' && issue.origin === 'array') return 'at least one name';
  if (issue.code === 'too_small')
    return issue.inclusive === false ? `more than ${issue.minimum}` : `at least ${issue.minimum}`;
  if (issue.code === 'too_big')
    return issue.inclusive === false ? `less than ${issue.maximum}` : `at most ${issue.maximum}`;
  if (issue.code === 'invalid_union') {
    const choices = fields.flatMap(({ path, kind }) =>
      path === issue.path.join('.') && kind.type === 'choice' ? kind.values : [],
    );
    return choices.length > 0 ? oneOf(choices) : 'text or a list of texts';
  }
  return issue.message;
}

function sentence(issue: Issue, value: unknown, nameOf: FieldName, fields: readonly ConfigField[]): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = [...issue.path.map(String), issue.keys[0] ?? ''].join('.');
    const owner = valueAt(value, [...issue.path, 'type']);
    if (fields.some((field) => field.path === key)) return `${nameOf(key)}: ${path} ${String(owner)} has no such field`;
    const known = fields.flatMap((field) => [field.path, field.path.split('.')[0] ?? '']);
    return `${nameOf(key)}: there is no such field.${hint(key, known)}`;
  }
  const found = valueAt(value, issue.path);
  if (found === undefined) {
    const missing = fields.find((field) => field.required && field.path.startsWith(`${path}.`))?.path ?? path;
    return `${nameOf(missing)} is missing`;
  }
  return `${nameOf(path)}: expected ${expectedOf(issue, fields)} but found ${typeof found === 'string' ? found : describe(found)}`;
}

/** Checks a value by a schema of these fields and fills in its defaults. UsageError with the field, expected and found; an unknown field with the nearest there is. */
export function parseFields<S extends z.ZodType>(
  schema: S,
  fields: readonly ConfigField[],
  value: unknown,
  nameOf: FieldName,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // An unknown key explains a missing one, not the other way round.
  const issues = result.error.issues;
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  throw new UsageError(issue === undefined ? `${nameOf('')}: not a config` : sentence(issue, value, nameOf, fields));
}

/** An optimizer without gradients raises the reward, unless another objective is named. */
function withItsObjective(value: unknown): unknown {
  if (valueAt(value, ['objective', 'type']) !== undefined) return value;
  const type = valueAt(value, ['optimizer', 'type']);
  const raises = typeof type === 'string' && Object.hasOwn(strategyUnits, type);
  return isRecord(value) && raises ? withField(value, 'objective.type', 'reward') : value;
}

/** Checks a run's config, as `parseFields` does. */
export const parseConfig = (value: unknown, nameOf: FieldName = (path) => path || 'config'): TuneConfig =>
  parseFields(tuneSchema, configFields, withItsObjective(value), nameOf);

/** `value` with the field at a path set; the objects on the way are copied or made. */
export function withField(
  value: Readonly<Record<string, unknown>>,
  path: string,
  set: unknown,
): Record<string, unknown> {
  const [key = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...value, [key]: set };
  const inner = value[key];
  return { ...value, [key]: withField(isRecord(inner) ? inner : {}, rest.join('.'), set) };
}
