import type { Option } from './args.ts';
import { type Command, type CommandEntry, commonOptions, isGroup } from './command.ts';

/** What may follow an option or stand alone: files, some of these, or what no shell can guess. */
export type Values = 'files' | 'anything' | readonly string[];

export interface CompletedOption {
  /** With the dashes. */
  readonly name: string;
  readonly description: string;
  /** Undefined for an option without a value. */
  readonly values: Values | undefined;
  /** Takes one value after another. */
  readonly many: boolean;
  /** A path into the config that has a shorter name: offered once a dot is typed. */
  readonly long: boolean;
}

/** What may stand after some words of the program: commands, or a command's options. */
export interface Place {
  /** The words so far: '' at the start, 'tune', 'probe intruder'. */
  readonly words: string;
  readonly commands: readonly Pick<CommandEntry, 'name' | 'summary'>[];
  readonly options: readonly CompletedOption[];
  /** What may stand without an option's name. */
  readonly bare: Values | undefined;
}

function valuesOf({ kind, suggestions }: Option): Values | undefined {
  if (suggestions) return suggestions;
  if (kind.type === 'boolean') return undefined;
  if (kind.type === 'choice') return kind.values;
  return kind.type === 'text' || kind.type === 'texts' ? 'files' : 'anything';
}

function completedOptions(options: readonly Option[]): CompletedOption[] {
  const short = new Set(options.filter(({ name, path }) => name !== path).map(({ path }) => path));
  return options
    .filter(({ positional }) => positional !== true)
    .map((option) => ({
      name: `--${option.default === true && option.kind.type === 'boolean' ? 'no-' : ''}${option.name}`,
      description: option.description,
      values: valuesOf(option),
      many: ['names', 'texts', 'list'].includes(option.kind.type),
      long: option.path === option.name && short.has(option.path),
    }));
}

function placeOf(words: string, { options }: Pick<Command, 'options'>): Place {
  const bare = options.find(({ positional }) => positional);
  const completed = completedOptions([...options, ...commonOptions]);
  return { words, commands: [], options: completed, bare: bare && valuesOf(bare) };
}

const flag = (name: string, description: string): CompletedOption => ({
  name,
  description,
  values: undefined,
  many: false,
  long: false,
});

async function below(entries: readonly CommandEntry[], words: string): Promise<Place[]> {
  const places: Place[] = [{ words, commands: entries, options: [flag('--help', 'Its commands')], bare: undefined }];
  for (const { name, load } of entries) {
    const found = await load();
    const path = words === '' ? name : `${words} ${name}`;
    places.push(...(isGroup(found) ? await below(found.commands, path) : [placeOf(path, found)]));
  }
  return places;
}

/** Every place of the program, from its commands and their options. */
export async function places(entries: readonly CommandEntry[]): Promise<Place[]> {
  const [start, ...others] = await below(entries, '');
  if (start === undefined) return [];
  const help = { name: 'help', summary: 'What a command does and takes' };
  const options = [...start.options, flag('--version', "The package's version")];
  return [{ ...start, commands: [...start.commands, help], options }, ...others];
}

/** Options with a value, together with those that have the same ones. */
export function sameValues(
  options: readonly CompletedOption[],
): [{ readonly values: Values; readonly many: boolean }, readonly string[]][] {
  const groups = new Map<string, [{ values: Values; many: boolean }, string[]]>();
  for (const { name, values, many } of options) {
    if (values === undefined) continue;
    const key = JSON.stringify([values, many]);
    const group = groups.get(key) ?? [{ values, many }, []];
    group[1].push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}
