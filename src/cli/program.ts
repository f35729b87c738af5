import { hint } from '../loop/nearest.ts';
import { UsageError } from '../loop/usageError.ts';
import { parseArgs, requireAll } from './args.ts';
import { commonOptions, type Terminal } from './command.ts';
import { commands } from './commands.ts';
import { errorText, exitCodeOf } from './errors.ts';
import { commandHelp, programHelp } from './help.ts';
import { packageVersion } from './version.ts';

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
    const named = commands.find(({ name }) => name === rest[0]);
    if (rest[0] !== undefined && named === undefined) throw unknownCommand(rest[0]);
    await terminal.out(named === undefined ? programHelp(commands) : commandHelp(await named.load()));
    return 0;
  }
  if (first === undefined)
    throw new UsageError(
      `Expected a command: ${commands.map(({ name }) => name).join(', ')}. tuneloop --help says more.`,
    );
  const entry = commands.find(({ name }) => name === first);
  if (entry === undefined) throw unknownCommand(first);
  const command = await entry.load();
  const words = rest.map((word) => (word === '-h' ? '--help' : word));
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

function unknownCommand(word: string): UsageError {
  const names = [...commands.map(({ name }) => name), '--help', '--version'];
  return new UsageError(`There is no command ${word}.${hint(word, names, (name) => `tuneloop ${name}`)}`);
}

/** Runs the program on its arguments and returns the exit code; errors go to stderr. */
export async function runProgram(argv: readonly string[], terminal: Terminal, interrupts: Interrupts): Promise<number> {
  try {
    return await runCommand(argv, terminal, interrupts);
  } catch (error) {
    terminal.err(errorText(error, argv.includes('--debug')));
    return exitCodeOf(error);
  }
}
