// Loaded before the program: counts what it does to files, and ends it as kill -9 does before one of these, or in the middle of it.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

const at = Number(process.env['TUNELOOP_KILL_AT'] ?? Infinity);
const report = process.env['TUNELOOP_KILL_COUNT'];
let count = 0;

const halfOf = (data: unknown): unknown =>
  typeof data === 'string' || data instanceof Uint8Array ? data.slice(0, data.length >> 1) : undefined;

/** Counts one change of files; ends the process where it is the one, `half` done where it can be. */
async function change(half: () => Promise<unknown>): Promise<void> {
  count++;
  if (report !== undefined) fs.writeFileSync(report, String(count));
  if (count !== at) return;
  if (at % 2 === 0) await half();
  process.kill(process.pid, 'SIGKILL');
  // The signal comes at once, but not before the next line.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/** Puts the count before a method; `data` is the argument that may be written by half. */
function counted(holder: Record<string, Method>, name: string, data?: number): void {
  const method = holder[name];
  if (method === undefined) throw new TypeError(`There is no ${name} to count`);
  holder[name] = async function (...args) {
    await change(async () => {
      if (data === undefined) return;
      const part = halfOf(args[data]);
      if (part !== undefined) await method.call(this, ...args.with(data, part));
    });
    return method.call(this, ...args);
  };
}

const promises = fs.promises as unknown as Record<string, Method>;
for (const name of ['rename', 'mkdir', 'rm', 'symlink', 'open', 'copyFile']) counted(promises, name);
counted(promises, 'appendFile', 1);
const handle = await fs.promises.open('/dev/null');
const prototype = Object.getPrototypeOf(handle) as Record<string, Method>;
await handle.close();
counted(prototype, 'writeFile', 0);
counted(prototype, 'write', 0);
count = 0;
syncBuiltinESMExports();
