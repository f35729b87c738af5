// The program: arguments in, exit code out.
import process from 'node:process';
import { watchInterrupts } from './interrupts.ts';
import { runProgram } from './program.ts';

// A reader that has seen enough (head) closes the pipe; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const out = async (text: string): Promise<void> => {
  if (!process.stdout.write(text)) await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
};
const err = (text: string): void => void process.stderr.write(text);

process.exitCode = await runProgram(
  process.argv.slice(2),
  {
    out,
    err,
    tty: process.stderr.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb',
  },
  watchInterrupts(process),
);
