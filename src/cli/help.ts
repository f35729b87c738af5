import type { Option } from './args.ts';
import { type Command, type CommandEntry, type CommandGroup, commonOptions } from './command.ts';

const shownDefault = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function placeholder({ kind, value }: Option): string {
  if (value !== undefined) return ` ${value}`;
  if (kind.type === 'boolean') return '';
  if (kind.type === 'choice') return ` ${kind.values.join('|')}`;
  if (kind.type === 'names') return ' NAME…';
  if (kind.type === 'texts') return ' TEXT…';
  if (kind.type === 'list') return kind.of === 'number' ? ' N…' : ' NAME…';
  if (kind.type === 'map') return ' NAME=VALUE,…';
  if (kind.type === 'minutes') return ' TIME';
  return kind.type === 'text' ? ' TEXT' : ' N';
}

function optionLines(options: readonly Option[]): string {
  const rows = options.map((option) => ({
    left:
      option.positional === true
        ? ` ${placeholder(option)}`
        : `  --${option.default === true ? '[no-]' : ''}${option.name}${placeholder(option)}`,
    option,
  }));
  const width = Math.min(34, Math.max(...rows.map(({ left }) => left.length))) + 2;
  const lines = rows.map(({ left, option }) => {
    const notes = [
      ...(option.required === true ? ['required'] : []),
      ...(option.default === undefined || option.default === false ? [] : [`default ${shownDefault(option.default)}`]),
      ...(option.path === undefined || option.path === option.name ? [] : [`same as --${option.path}`]),
    ];
    const gap = left.length + 2 > width ? `\n${' '.repeat(width)}` : ' '.repeat(width - left.length);
    return `${left}${gap}${option.description}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
  });
  return lines.join('\n');
}

/** Help of one command; fields of the config that have a short option are shown by it. */
export function commandHelp(command: Command): string {
  const needed = command.options
    .filter(({ required }) => required)
    .map((option) =>
      option.positional === true ? placeholder(option).trim() : `--${option.name}${placeholder(option)}`,
    );
  const aliased = new Set(command.options.filter(({ name, path }) => path !== name).map(({ path }) => path));
  const isLong = ({ name, path }: Option): boolean => path === name;
  const short = command.options.filter((option) => !isLong(option));
  const long = command.options.filter((option) => isLong(option) && !aliased.has(option.path));
  const sections = [
    `tuneloop ${[command.name, ...needed].join(' ')}${needed.length < command.options.length ? ' [options]' : ''}`,
    command.about,
    ...(short.length > 0 ? [optionLines(short)] : []),
    ...(long.length > 0 ? [`Further fields of the config:\n${optionLines(long)}`] : []),
    optionLines(commonOptions),
  ];
  return `${sections.join('\n\n')}\n`;
}

const entryLines = (entries: readonly Pick<CommandEntry, 'name' | 'summary'>[]): string => {
  const width = Math.max(...entries.map(({ name }) => name.length)) + 2;
  return entries.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join('\n');
};

/** Help of a group of commands. */
export function groupHelp({ name, about, commands }: CommandGroup): string {
  return `tuneloop ${name} COMMAND [options]\n\n${about}\n\n${entryLines(commands)}\n\ntuneloop ${name} COMMAND --help says more.\n`;
}

/** Help of the program. */
export function programHelp(commands: readonly Pick<CommandEntry, 'name' | 'summary'>[]): string {
  return `tuneloop COMMAND [options]\n\n${entryLines(commands)}\n\ntuneloop COMMAND --help says more; tuneloop --version prints the version.\n`;
}
