import { hint } from '../loop/nearest.ts';
import { UsageError } from '../loop/usageError.ts';
import { parseArgs, requireAll } from './args.ts';
import {
  type Command,
  type CommandEntry,
  type CommandGroup,
  commonOptions,
  isGroup,
  type Terminal,
} from './command.ts';
import { commands } from './commands.ts';
import { errorText, exitCodeOf } from './errors.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { packageVersion } from '../runtime/node/version.ts';

export interface Interrupts {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Told before a command starts whether it ends by itself once the signal is aborted. */
  readonly expectStop: (stopsBySignal: boolean) => void;
}

async function runCommand(argv: readonly string[], terminal: Terminal, interrupts: Interrupts): Promise<number> {
  const [first, ...rest] = argv;
  if (first === '--version') {
    await terminal.out(`${packageVersion()}\n`);
    return 0;
  }
  if (first === '--help' || first === '-h' || first === 'help') {
    await terminal.out(rest[0] === undefined ? programHelp(commands) : helpOf((await find(rest)).found));
    return 0;
  }
  if (first === undefined)
    throw new UsageError(
      `Expected a command: ${commands.map(({ name }) => name).join(', ')}. tuneloop --help says more.`,
    );
  const { found, rest: given } = await find(argv);
  const wantsHelp = given[0] === '--help' || given[0] === '-h';
  if (isGroup(found)) {
    if (!wantsHelp) {
      const names = found.commands.map(({ name }) => name).join(', ');
      throw new UsageError(`Expected a command of ${found.name}: ${names}. tuneloop ${found.name} --help says more.`);
    }
    await terminal.out(helpOf(found));
    return 0;
  }
  const command = found;
  const words = given.map((word) => (word === '-h' ? '--help' : word));
  const args = parseArgs(words, [...command.options, ...commonOptions]);
  if (args.flag('help')) {
    await terminal.out(commandHelp(command));
    return 0;
  }
  requireAll(args, command.options);
  interrupts.expectStop(command.stopsBySignal);
  const quiet = args.flag('quiet');
  const err = quiet ? () => {} : terminal.err;
  return command.run(args, { ...terminal, err, quiet, json: args.flag('json'), signal: interrupts.signal });
}

interface Found {
  readonly found: Command | CommandGroup;
  /** The words after its name. */
  readonly rest: readonly string[];
}

/** The command that the first words name: a group's own commands follow its name. Throws UsageError for an unknown word. */
async function find(
  words: readonly string[],
  entries: readonly CommandEntry[] = commands,
  group: readonly string[] = [],
): Promise<Found> {
  const [first = '', ...rest] = words;
  const entry = entries.find(({ name }) => name === first);
  if (entry === undefined) {
    const names = [...entries.map(({ name }) => name), ...(group.length === 0 ? ['--help', '--version'] : [])];
    const near = hint(first, names, (name) => ['tuneloop', ...group, name].join(' '));
    throw new UsageError(`There is no command ${[...group, first].join(' ')}.${near}`);
  }
  const found = await entry.load();
  const [next] = rest;
  return isGroup(found) && next !== undefined && !next.startsWith('-')
    ? find(rest, found.commands, [...group, first])
    : { found, rest };
}

const helpOf = (found: Command | CommandGroup): string => (isGroup(found) ? groupHelp(found) : commandHelp(found));

/** Runs the program on its arguments and returns the exit code; errors go to stderr. */
export async function runProgram(argv: readonly string[], terminal: Terminal, interrupts: Interrupts): Promise<number> {
  try {
    return await runCommand(argv, terminal, interrupts);
  } catch (error) {
    terminal.err(errorText(error, argv.includes('--debug')));
    return exitCodeOf(error);
  }
}
