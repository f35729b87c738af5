import { isRecord } from '../hub/json.ts';
import type { FieldKind } from '../loop/configFields.ts';
import { hint } from '../loop/nearest.ts';
import { UsageError } from '../loop/usageError.ts';

/** What stands behind an option: a config field's kinds, and whole numbers and times for the commands' own options. */
export type OptionKind =
  | FieldKind
  | { readonly type: 'integer'; readonly least: number }
  | { readonly type: 'minutes' };

export interface Option {
  /** Without the dashes. */
  readonly name: string;
  readonly kind: OptionKind;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly description: string;
  readonly required?: boolean;
  readonly default?: unknown;
  /** The config field that it sets. */
  readonly path?: string;
  /** Values that are offered where a shell completes words; others are right too. */
  readonly suggestions?: readonly string[];
  /** May stand without its name. */
  readonly positional?: boolean;
}

export type OptionValue = string | number | boolean | string[] | number[] | Record<string, string | number>;

/** Options as they were given, checked one by one. */
export interface Args {
  readonly given: ReadonlyMap<string, OptionValue>;
  /** Undefined where the option was not given and has no default. */
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  map(name: string): Readonly<Record<string, string>> | undefined;
  /** Empty where the option was not given. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** The text of an option that is required. */
  required(name: string): string;
}

const isFlag = (text: string): boolean => text.startsWith('-') && !/^-(\d|\.\d|$)/.test(text);

function numberOf(text: string, where: string, expected: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`${where}: expected ${expected} but found ${text || 'nothing'}`);
  return value;
}

/** 90s, 10m, 1h or 1h30m; a bare number is minutes. */
function minutesOf(text: string, where: string): number {
  const expected = 'a time as 90s, 10m or 1h30m';
  if (/^[\d.]+$/.test(text)) return numberOf(text, where, expected);
  const [whole, hours, minutes, seconds] = /^(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?$/.exec(text) ?? [];
  if (whole === undefined || whole === '') throw new UsageError(`${where}: expected ${expected} but found ${text}`);
  const part = (digits: string | undefined): number => (digits === undefined ? 0 : numberOf(digits, where, expected));
  return part(hours) * 60 + part(minutes) + part(seconds) / 60;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** a=1,b=2, or a JSON object where a name holds a comma or an equals sign. */
function mapOf(text: string, of: 'text' | 'number', where: string): Record<string, string | number> {
  const expected = `expected name=value,name=value or a JSON object but found ${text || 'nothing'}`;
  if (text.startsWith('{')) {
    const value = jsonOf(text);
    const right =
      isRecord(value) && Object.values(value).every((each) => typeof each === (of === 'text' ? 'string' : 'number'));
    if (!right) throw new UsageError(`${where}: ${expected}`);
    return value as Record<string, string | number>;
  }
  const entries = text.split(',').map((part): [string, string | number] => {
    const [name = '', value = '', ...rest] = part.split('=').map((side) => side.trim());
    if (name === '' || value === '' || rest.length > 0) throw new UsageError(`${where}: ${expected}`);
    return [name, of === 'number' ? numberOf(value, where, 'a number') : value];
  });
  return Object.fromEntries(entries);
}

/** One text that is a regular expression or a shorthand stays one; plain names are a list. */
function namesOf(texts: readonly string[]): string | string[] {
  const [only] = texts;
  if (texts.length === 1 && only !== undefined && (only === 'all-linear' || /[\\^$*+?()[\]{}|]/.test(only)))
    return only;
  return texts.flatMap((text) => text.split(',')).map((name) => name.trim());
}

/** One or several values, with spaces or commas between. */
function listOf(texts: readonly string[], of: 'text' | 'number', where: string): string[] | number[] {
  const parts = texts.flatMap((each) => each.split(',')).map((part) => part.trim());
  if (parts.includes('')) throw new UsageError(`${where}: expected a value but found none`);
  return of === 'text' ? parts : parts.map((part) => numberOf(part, where, 'a number'));
}

function valueOf(option: Option, texts: readonly string[]): OptionValue {
  const { kind } = option;
  const where = `--${option.name}`;
  const text = texts[0] ?? '';
  if (kind.type === 'names') return namesOf(texts);
  if (kind.type === 'list') return listOf(texts, kind.of, where);
  if (kind.type === 'texts') {
    if (texts.includes('')) throw new UsageError(`${where}: expected some text but found none`);
    return [...texts];
  }
  if (text === '' && kind.type !== 'text') throw new UsageError(`${where}: expected a value but found none`);
  if (kind.type === 'number') return numberOf(text, where, 'a number');
  if (kind.type === 'minutes') return minutesOf(text, where);
  if (kind.type === 'map') return mapOf(text, kind.of, where);
  if (kind.type === 'integer') {
    const expected = `a whole number of at least ${kind.least}`;
    const value = numberOf(text, where, expected);
    if (Number.isSafeInteger(value) && value >= kind.least) return value;
    throw new UsageError(`${where}: expected ${expected} but found ${text}`);
  }
  // A config field's choices are checked with the config, which also knows why one is missing.
  if (kind.type === 'choice' && option.path === undefined && !kind.values.includes(text)) {
    throw new UsageError(`${where}: expected ${kind.values.join(', ')} but found ${text}.${hint(text, kind.values)}`);
  }
  if (text === '') throw new UsageError(`${where}: expected some text but found none`);
  return text;
}

/** Reads `--name value`, `--name=value`, `--flag`, `--no-flag`. UsageError for an unknown option (with the nearest one), a missing or malformed value, an option given twice, and anything that is no option. */
export function parseArgs(argv: readonly string[], options: readonly Option[]): Args {
  const byName = new Map(options.map((option) => [option.name, option]));
  const given = new Map<string, OptionValue>();
  let at = 0;
  const values = (option: Option, inline: string | undefined): string[] => {
    if (inline !== undefined) return [inline];
    const texts: string[] = [];
    const many = ['names', 'list', 'texts'].includes(option.kind.type);
    for (let next = argv[at]; next !== undefined && !isFlag(next) && (many || texts.length === 0); next = argv[at]) {
      texts.push(next);
      at++;
    }
    if (texts.length === 0) throw new UsageError(`--${option.name}: expected a value but found none`);
    return texts;
  };
  while (at < argv.length) {
    const word = argv[at++] ?? '';
    const [, name, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const bare = name === undefined && !isFlag(word) ? options.find(({ positional }) => positional) : undefined;
    if (bare !== undefined && !given.has(bare.name)) {
      given.set(bare.name, valueOf(bare, [word]));
      continue;
    }
    if (name === undefined) {
      const flag = isFlag(word) ? hint(word, [...byName.keys()], (near) => `--${near}`) : '';
      throw new UsageError(`Expected an option such as --${options[0]?.name ?? 'help'} but found ${word}.${flag}`);
    }
    const option = byName.get(name);
    const negated = option === undefined && name.startsWith('no-') ? byName.get(name.slice(3)) : undefined;
    if (option === undefined && negated?.kind.type !== 'boolean') {
      throw new UsageError(`There is no option --${name}.${hint(name, [...byName.keys()], (near) => `--${near}`)}`);
    }
    const found = option ?? negated;
    if (found === undefined) continue;
    if (given.has(found.name)) throw new UsageError(`--${found.name}: given twice`);
    if (found.kind.type !== 'boolean') {
      given.set(found.name, valueOf(found, values(found, inline)));
      continue;
    }
    const next = argv[at];
    const text = inline ?? (next === 'true' || next === 'false' ? argv[at++] : 'true');
    if (text !== 'true' && text !== 'false')
      throw new UsageError(`--${name}: expected true or false but found ${text}`);
    given.set(found.name, (text === 'true') !== (negated !== undefined));
  }
  return argsOf(given, byName);
}

function argsOf(given: ReadonlyMap<string, OptionValue>, options: ReadonlyMap<string, Option>): Args {
  const value = (name: string): unknown => given.get(name) ?? options.get(name)?.default;
  const text = (name: string): string | undefined => value(name) as string | undefined;
  return {
    given,
    text,
    number: (name) => value(name) as number | undefined,
    map: (name) => value(name) as Readonly<Record<string, string>> | undefined,
    texts: (name) => (value(name) as readonly string[] | undefined) ?? [],
    flag: (name) => value(name) === true,
    required(name) {
      const found = text(name);
      if (found === undefined) throw new UsageError(`--${name} is missing`);
      return found;
    },
  };
}

/** Checks that every required option is there, before any work starts. */
export function requireAll(args: Args, options: readonly Option[]): void {
  for (const { name, required } of options) if (required === true) args.required(name);
}
