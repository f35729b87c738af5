import type { Args, Option } from './args.ts';

/** Where a command's words go. */
export interface Terminal {
  /** Results. */
  readonly out: (text: string) => Promise<void>;
  /** Progress and notices. */
  readonly err: (text: string) => void;
  /** Whether stderr is a terminal that can rewrite its line and show colours. */
  readonly tty: boolean;
}

export interface Context extends Terminal {
  readonly quiet: boolean;
  readonly json: boolean;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** One command of the program. */
export interface Command {
  readonly name: string;
  /** Under the name in the help. */
  readonly about: string;
  readonly options: readonly Option[];
  /** Looks at the signal and ends by itself; others are ended by the first Ctrl-C. */
  readonly stopsBySignal: boolean;
  /** The exit code. */
  run(args: Args, context: Context): Promise<number>;
}

/** A command or a group of them, by name; its modules are loaded when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command | CommandGroup>;
}

/** Commands under one word: `tuneloop papers list`. */
export interface CommandGroup {
  readonly name: string;
  readonly about: string;
  readonly commands: readonly CommandEntry[];
}

export const isGroup = (found: Command | CommandGroup): found is CommandGroup => 'commands' in found;

/** Options that every command has. */
export const commonOptions: readonly Option[] = [
  { name: 'json', kind: { type: 'boolean' }, description: 'Machine-readable results' },
  { name: 'quiet', kind: { type: 'boolean' }, description: 'Nothing on stderr but errors' },
  { name: 'debug', kind: { type: 'boolean' }, description: 'Stack traces with errors' },
  { name: 'help', kind: { type: 'boolean' }, description: 'This text' },
];
