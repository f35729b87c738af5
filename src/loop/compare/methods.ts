import { isRecord } from '../../hub/json.ts';
import type { TuneConfig, TuneConfigInput } from '../config.ts';
import { configFields } from '../configFields.ts';
import { hint } from '../nearest.ts';
import { type FieldName, parseConfig } from '../parseConfig.ts';
import { UsageError } from '../usageError.ts';

/** What all methods of a comparison have in common: data, budget, measurements, engine. */
const common = ['schemaVersion', 'data', 'train', 'samples', 'reward', 'forgetting', 'engine'] as const;

/** What makes a method: the part of a run's config in which it differs from the others. */
export type MethodConfig = Omit<TuneConfigInput, (typeof common)[number] | 'model'> & {
  readonly model?: Omit<NonNullable<TuneConfigInput['model']>, 'path'>;
};

type Loose = Readonly<Record<string, unknown>>;

/** Seams whose units are told apart by a type, with their types. */
const seams: ReadonlyMap<string, readonly string[]> = new Map(
  configFields.flatMap(({ path, kind }): [string, readonly string[]][] =>
    path.endsWith('.type') && kind.type === 'choice' ? [[path.slice(0, -'.type'.length), kind.values]] : [],
  ),
);

/** Names of units that say by themselves which seam they are of. */
export const unitNames: readonly string[] = [
  'full',
  ...new Set([...seams.values()].flat().filter((name) => name !== 'none')),
];

/** The part of a config that one name stands for. */
function unitNamed(word: string, other: (word: string) => MethodConfig | undefined): MethodConfig {
  if (word === 'full') return { adapter: { type: 'none' } };
  const found = [...seams].filter(([, types]) => types.includes(word)).map(([seam]) => seam);
  const [seam, second] = found;
  if (second !== undefined)
    throw new UsageError(`methods: ${word} may be ${found.map((each) => `${each}.type`).join(' or ')}; name the field`);
  const method = seam === undefined ? other(word) : { [seam]: { type: word } };
  if (method) return method;
  throw new UsageError(`methods: there is no unit ${word || 'without a name'}.${hint(word, unitNames)}`);
}

/** A method by the name of its unit: `ssf` is the adapter of that type, `full` the training of all weights, `ssf+dft` both; `other` may know more names. */
export function methodNamed(
  name: string,
  other: (word: string) => MethodConfig | undefined = () => undefined,
): MethodConfig {
  const method: Record<string, unknown> = {};
  for (const word of name.split('+'))
    for (const [seam, unit] of Object.entries(unitNamed(word, other))) {
      if (seam in method) throw new UsageError(`methods: ${name} names two units of one seam, ${seam}`);
      method[seam] = unit;
    }
  return method;
}

/** Fields of a seam that its unit of this type has. */
function knows(seam: string, type: string): ReadonlySet<string> {
  const fields = configFields.filter(
    ({ path, types }) => path.startsWith(`${seam}.`) && (types?.includes(type) ?? true),
  );
  return new Set(fields.map(({ path }) => path.slice(seam.length + 1)));
}

function seamOf(base: unknown, method: unknown, seam: string, baseType: unknown): unknown {
  if (!isRecord(base) || !isRecord(method)) return method ?? base;
  const { type } = method;
  if (typeof type !== 'string' || type === baseType) return { ...base, ...method };
  const kept = knows(seam, type);
  return { ...Object.fromEntries(Object.entries(base).filter(([field]) => kept.has(field))), ...method };
}

/** The config of a method's runs: the common one with the method's fields on top. Where the method brings another unit of a seam, that takes over the common fields that it has. UsageError, naming the field, for what is no config or is common to all methods. */
export function withMethod(base: Loose, method: Loose, nameOf: FieldName): TuneConfig {
  for (const key of common)
    if (key in method) throw new UsageError(`${nameOf(key)}: what all methods have in common stands beside methods`);
  if (isRecord(method['model']) && 'path' in method['model'])
    throw new UsageError(`${nameOf('model.path')}: all methods start from one model`);
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(method)) {
    const held = base[key];
    // The first type is the default.
    const type = isRecord(held) && typeof held['type'] === 'string' ? held['type'] : seams.get(key)?.[0];
    merged[key] = seamOf(held, value, key, type);
  }
  return parseConfig(merged, nameOf);
}

/** A name as a folder's: letters, digits, dots, dashes and what joins units; never empty, never a dot first. */
export const folderName = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9.+_-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .toLowerCase() || 'method';
