import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/tuneloop.js', import.meta.url));
const hook = new URL('killAtWrite.ts', import.meta.url).href;

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly err: string;
  readonly ms: number;
}

export interface CliOptions {
  /** kill -9 after so many milliseconds. */
  readonly killAfterMs?: number;
  /** kill -9 at the n-th change of files: an odd one before it is done, an even one in its middle. */
  readonly killAtChange?: number;
  readonly countIn?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command: a shell that sets limits. */
  readonly shell?: string;
}

/** Runs the command line as users do, in a process of its own. */
export function cli(argv: readonly string[], options: CliOptions = {}): Promise<Ended> {
  const { killAfterMs, killAtChange, countIn, shell } = options;
  const hooked = killAtChange !== undefined || countIn !== undefined;
  const env = {
    ...process.env,
    NO_COLOR: '1',
    ...(hooked ? { NODE_OPTIONS: `--import ${hook}` } : {}),
    ...(killAtChange === undefined ? {} : { TUNELOOP_KILL_AT: String(killAtChange) }),
    ...(countIn === undefined ? {} : { TUNELOOP_KILL_COUNT: countIn }),
    ...options.env,
  };
  const words = [process.execPath, program, ...argv];
  const [command = '', ...rest] = shell === undefined ? words : ['bash', '-c', `${shell}; exec "$@"`, 'bash', ...words];
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(command, rest, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, err, ms: performance.now() - begun });
    });
  });
}

/** As `cli`; Error with what it said where it does not succeed. */
export async function succeed(argv: readonly string[], options: CliOptions = {}): Promise<Ended> {
  const ended = await cli(argv, options);
  if (ended.code !== 0) throw new Error(`tuneloop ${argv.join(' ')} ended with ${ended.code}: ${ended.err}`);
  return ended;
}

/** Runs it unbroken; how long it takes and how many changes of files it makes. */
export async function measured(
  argv: readonly string[],
  folder: string,
  env?: CliOptions['env'],
): Promise<{ ms: number; changes: number }> {
  const countIn = join(folder, 'changes.txt');
  const { ms } = await succeed(argv, { countIn, ...(env === undefined ? {} : { env }) });
  const changes = Number(readFileSync(countIn, 'utf8'));
  rmSync(countIn);
  return { ms, changes };
}
