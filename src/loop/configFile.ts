import { YAMLError, parse } from 'yaml';
import { joinPath, pathKind, readTextFile } from '../hub/files.ts';
import { importModule } from '../hub/files-module.ts';
import { duplicateKey, isRecord, parseJson, recordOf } from '../hub/json.ts';
import { UsageError } from './usageError.ts';

const modules = ['ts', 'mts', 'mjs', 'js'] as const;
const endings = [...modules, 'yaml', 'yml', 'json'] as const;

/** Names under which a folder's config is found. */
export const configFileNames: readonly string[] = endings.map((ending) => `tuneloop.config.${ending}`);

/** A value that a module made, as data. TypeError naming the place of what is none. */
function dataOf(value: unknown, where: string, depth = 0): unknown {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value;
  if (depth > 16) throw new TypeError(`${where}: expected at most 16 levels of objects`);
  if (Array.isArray(value)) return value.map((each, i) => dataOf(each, `${where}.${i}`, depth + 1));
  const plain = isRecord(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
  if (!plain) {
    const found = typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
    throw new TypeError(
      `${where}: expected data but found a value of kind ${found}; functions are named by their module`,
    );
  }
  const place = (key: string): string => `${where}${depth === 0 ? ': ' : '.'}${key}`;
  // What is undefined was left out, as by a condition.
  const given = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(given.map(([key, each]) => [key, dataOf(each, place(key), depth + 1)]));
}

function yamlOf(text: string, file: string): unknown {
  try {
    return parse(text, { merge: true, maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    if (!(cause instanceof YAMLError) && !(cause instanceof ReferenceError)) throw cause;
    // The lines after the first draw the place.
    const [reason = ''] = cause.message.split('\n');
    throw new SyntaxError(`${file}: expected YAML but found: ${reason.replace(/:$/, '')}`, { cause });
  }
}

function jsonOf(text: string, file: string): unknown {
  const value = parseJson(text, file);
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new SyntaxError(`${file}: the key ${twice} stands twice in one object`);
  return value;
}

async function moduleConfig(file: string): Promise<unknown> {
  if ((await pathKind(file)) !== 'file') await readTextFile(file);
  const exported = await importModule(file);
  const value = await exported['default'];
  if (value === undefined)
    throw new TypeError(
      `${file}: expected the config as the default export but found ${Object.keys(exported).join(', ') || 'no export'}`,
    );
  return dataOf(value, file);
}

/** The config in a file, read by its ending; of a run's config.json the config alone. Throws, naming the file, on what is none. */
export async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  const ending = /\.([^./\\]+)$/.exec(file)?.[1] ?? '';
  if (!endings.some((each) => each === ending))
    throw new UsageError(
      `${file}: expected a config file that ends in ${endings.map((each) => `.${each}`).join(', ')} but found ${ending === '' ? 'no ending' : `.${ending}`}`,
    );
  if (modules.some((each) => each === ending)) return recordOf(await moduleConfig(file), file);
  const text = await readTextFile(file);
  const value = recordOf(ending === 'json' ? jsonOf(text, file) : yamlOf(text, file), file);
  const { run, ...config } = value;
  return isRecord(run) && 'fingerprints' in run ? config : value;
}

/** The config file of a folder; undefined where there is none. UsageError where there are several. */
export async function findConfigFile(folder: string): Promise<string | undefined> {
  const found: string[] = [];
  for (const name of configFileNames) if ((await pathKind(joinPath(folder, name))) === 'file') found.push(name);
  const [first, second] = found;
  if (second !== undefined)
    throw new UsageError(`Expected one config file but found ${found.join(' and ')}; --config says which`);
  return first === undefined ? undefined : joinPath(folder, first);
}
