import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cpuMs } from './load.ts';

/** What a process says after a step: ms, peakRssMb and whatever else it measured. */
export type Reply = Readonly<Record<string, number | string | boolean>>;

/** A process that does one step per line of its stdin (see peers/protocol.py) and sleeps between them. */
export interface Contestant {
  readonly name: string;
  /** What it said when it was ready. */
  readonly ready: Reply;
  /** From the process's start to the end of its first step. */
  readonly firstStepMs: number;
  readonly first: Reply;
  step(): Promise<Reply>;
  cpuMs(): number | undefined;
  quit(): Promise<void>;
}

export interface Command {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const own = (name: string, script: string, args: readonly string[]): Command => ({
  name,
  file: process.execPath,
  args: [here(`own/${script}`), ...args],
});

export const peer = (name: string, python: string, script: string, args: readonly string[]): Command => ({
  name,
  file: python,
  args: [here(`peers/${script}`), ...args],
});

/** Why peers cannot run; undefined when they can. */
export function peersMissing(python: string | undefined, modules: readonly string[]): string | undefined {
  if (python === undefined) return 'no Python: set TUNELOOP_PYTHON or give --python';
  const probe = 'import importlib.util as u, sys; print(" ".join(m for m in sys.argv[1:] if not u.find_spec(m)))';
  const { error, status, stdout, stderr } = spawnSync(python, ['-c', probe, ...modules], { encoding: 'utf8' });
  if (error || status !== 0) return `${python} does not run: ${error?.message ?? stderr.trim()}`;
  const missing = stdout.trim();
  return missing === '' ? undefined : `${python} lacks ${missing}`;
}

/** Lines of a process's output, one at a time; Error with the end of its stderr when it ends before. */
function replies(name: string, child: ChildProcess): () => Promise<Reply> {
  if (!child.stdout || !child.stderr) throw new Error(`Expected pipes to ${name} but found none`);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error(`${name} ended: ${errors.trim()}`);
    return JSON.parse(value) as Reply;
  };
}

/** Starts a process and does its first step, which is not counted among the others. */
export async function start({ name, file, args }: Command): Promise<Contestant> {
  const begun = performance.now();
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Threads that wait for work must not take the cores from whoever's turn it is.
    env: { ...process.env, HF_HUB_OFFLINE: '1', OMP_WAIT_POLICY: 'PASSIVE', KMP_BLOCKTIME: '0' },
  });
  const next = replies(name, child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const step = (): Promise<Reply> => {
    child.stdin?.write('go\n');
    return next();
  };
  const ready = await next();
  const first = await step();
  return {
    name,
    ready,
    first,
    firstStepMs: performance.now() - begun,
    step,
    cpuMs: () => (child.pid === undefined ? undefined : cpuMs(child.pid)),
    quit: async () => {
      child.stdin?.end('quit\n');
      await ended;
    },
  };
}
