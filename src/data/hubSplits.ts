/** Which files of a data set on the hub hold a split, as Python's datasets decides it: by the card's configs, else by names. */
import { parse as parseYaml } from 'yaml';
import { globPattern } from '../hub/glob.ts';
import { isRecord } from '../hub/json.ts';
import { holdsRows } from './reader.ts';

export interface SplitChoice {
  readonly split: string;
  /** Name of one of the data set's configurations (subsets). */
  readonly config?: string | undefined;
}

/** Files by split. */
type Splits = Map<string, string[]>;

const words: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

const patterns = Object.entries(words).map(
  ([split, names]) => [split, new RegExp(`(?:^|[/._ \\-0-9])(?:${names.join('|')})(?:[/._ \\-0-9]|$)`)] as const,
);

/** By a split's name between separators, in a file's name before a folder's; without any, all is train. */
function splitsByName(files: readonly string[]): Splits {
  const splits: Splits = new Map();
  const nameOf = (file: string): string | undefined => {
    const base = file.slice(file.lastIndexOf('/') + 1);
    // name-of-split-00000-of-00001.parquet, as datasets itself writes any split.
    const sharded = /^(\w+(?:\.\w+)*)-\d{5}-of-\d{5}/.exec(base)?.[1];
    return (
      sharded ??
      patterns.find(([, pattern]) => pattern.test(base))?.[0] ??
      patterns.find(([, pattern]) => pattern.test(file))?.[0]
    );
  };
  for (const file of files) {
    const split = nameOf(file);
    if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), file]);
  }
  return splits.size === 0 && files.length > 0 ? new Map([['train', [...files]]]) : splits;
}

/** config/split/0000.parquet, the layout of the branch refs/convert/parquet. */
function splitsByFolder(files: readonly string[]): Map<string, Splits> | undefined {
  const configs = new Map<string, Splits>();
  for (const file of files) {
    const [, config, split] = /^([^/]+)\/(?:partial-)?([^/]+)\/\d{4}\.parquet$/.exec(file) ?? [];
    if (config === undefined || split === undefined) return undefined;
    const splits = configs.get(config) ?? new Map<string, string[]>();
    splits.set(split, [...(splits.get(split) ?? []), file]);
    configs.set(config, splits);
  }
  return configs.size === 0 ? undefined : configs;
}

const textOf = (value: unknown, standard: string): string => (typeof value === 'string' ? value : standard);

const listOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === 'string');

function matching(files: readonly string[], dataFiles: readonly string[], folder: string): string[] {
  const tests = dataFiles.map((pattern) => globPattern(`${folder}${pattern.replace(/^\.\//, '')}`));
  return files.filter((file) => tests.some((pattern) => pattern.test(file)));
}

/** The `configs` of a card's YAML header; undefined where it has none. */
function splitsByCard(
  card: string,
  files: readonly string[],
): { configs: Map<string, Splits>; standard: string } | undefined {
  const [, header] = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  let value: unknown;
  try {
    value = header === undefined ? undefined : parseYaml(header, { maxAliasCount: 100 });
  } catch {
    // A card is prose that anybody writes; the names of the files say enough.
    return undefined;
  }
  const listed =
    isRecord(value) && Array.isArray(value['configs']) ? (value['configs'] as unknown[]).filter(isRecord) : [];
  const configs = new Map<string, Splits>();
  for (const entry of listed) {
    const { config_name: name, data_files: data, data_dir: dir } = entry;
    const folder = typeof dir === 'string' ? `${dir.replace(/^\.\/|\/$/g, '')}/` : '';
    let splits: Splits;
    if (Array.isArray(data) && data.every(isRecord))
      splits = new Map(
        data.map((each) => [textOf(each['split'], 'train'), matching(files, listOf(each['path']), folder)]),
      );
    else if (isRecord(data))
      splits = new Map(Object.entries(data).map(([split, path]) => [split, matching(files, listOf(path), folder)]));
    else if (data === undefined) splits = splitsByName(files.filter((file) => file.startsWith(folder)));
    else splits = new Map([['train', matching(files, listOf(data), folder)]]);
    configs.set(textOf(name, 'default'), splits);
  }
  if (configs.size === 0) return undefined;
  const marked = listed.find((entry) => entry['default'] === true)?.['config_name'];
  const standard = configs.size === 1 ? [...configs.keys()][0] : configs.has('default') ? 'default' : marked;
  return { configs, standard: typeof standard === 'string' ? standard : '' };
}

/** The files of one split. RangeError that lists what there is where it is not among them. */
export async function splitFiles(
  files: readonly string[],
  read: (file: string) => Promise<string>,
  { split, config }: SplitChoice,
): Promise<string[]> {
  const rows = files.filter(
    (file) => holdsRows(file) && !/(?:^|\/)(?:\.|dataset_infos?\.json$|state\.json$|config\.json$)/.test(file),
  );
  if (rows.length === 0)
    throw new RangeError(
      'expected .parquet, .jsonl, .json or .csv files but found none; data sets that a script makes have them in the branch refs/convert/parquet: org/name@refs/convert/parquet',
    );
  const card = files.includes('README.md') ? splitsByCard(await read('README.md'), rows) : undefined;
  const folders = card === undefined ? splitsByFolder(rows) : undefined;
  const configs =
    card?.configs ??
    folders ??
    new Map([
      ['default', splitsByName(config === undefined ? rows : rows.filter((file) => file.startsWith(`${config}/`)))],
    ]);
  const standard =
    card?.standard ??
    (folders === undefined
      ? 'default'
      : folders.size === 1
        ? [...folders.keys()][0]
        : folders.has('default')
          ? 'default'
          : '');
  const byFolder = card === undefined && folders === undefined;
  const chosen = byFolder ? 'default' : (config ?? standard ?? '');
  const splits = configs.get(chosen);
  const names = [...configs.keys()].toSorted().slice(0, 20).join(', ');
  if (splits === undefined)
    throw new RangeError(
      config === undefined
        ? `it has several configurations, and data.config names one: ${names}`
        : `expected a configuration ${config} but found ${names}`,
    );
  const found = splits.get(split) ?? [];
  if (found.length > 0) return found.toSorted();
  throw new RangeError(
    `expected a split ${split}${config === undefined ? '' : ` of configuration ${config}`} but found ${[...splits.keys()].toSorted().join(', ') || 'none'}; data.split names one`,
  );
}
