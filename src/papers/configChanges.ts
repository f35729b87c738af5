import { isRecord } from '../hub/json.ts';
import { hint } from '../loop/nearest.ts';
import { withField } from '../loop/parseConfig.ts';
import { UsageError } from '../loop/usageError.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Paths of a config's values: arms.full.steps. */
const pathsOf = (fields: Fields, before = ''): string[] =>
  Object.entries(fields).flatMap(([key, value]) =>
    isRecord(value) ? pathsOf(value, `${before}${key}.`) : [`${before}${key}`],
  );

const valueAt = (fields: Fields, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), fields);

/** What a text says in place of a value, of the same type. */
function valueOf(text: string, was: unknown): unknown {
  if (typeof was === 'string') return text;
  if (typeof was === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  if (typeof was === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  return undefined;
}

const kindOf = (value: unknown): string => (typeof value === 'boolean' ? 'true or false' : `a ${typeof value}`);

/** A recipe's config with values changed by their paths, each of the type that is there. UsageError naming the path. */
export function withChanges(config: object, changes: Readonly<Record<string, string>>): object {
  let changed: Fields = { ...config };
  for (const [path, text] of Object.entries(changes)) {
    const paths = pathsOf(changed);
    if (!paths.includes(path))
      throw new UsageError(`config.${path}: there is no such value in the recipe's config.${hint(path, paths)}`);
    const was = valueAt(changed, path);
    if (typeof was === 'object') throw new UsageError(`config.${path}: a list is not changed by hand`);
    const value = valueOf(text, was);
    if (value === undefined) throw new UsageError(`config.${path}: expected ${kindOf(was)} but found ${text}`);
    changed = withField(changed, path, value);
  }
  return changed;
}
