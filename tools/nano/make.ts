// Makes assets/nano, the small model inside the package, and the bundled task: text, tokenizer, training from scratch.
// node tools/nano/make.ts [--scratch DIR] [--only prepare|train|finish] [options of tuneloop tune for the training]
// measure.ts then writes the model card.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { finish } from './finish.ts';
import { prepare } from './prepare.ts';

const options = process.argv.slice(2);
const take = (name: string): string | undefined => {
  const at = options.indexOf(name);
  return at < 0 ? undefined : options.splice(at, 2)[1];
};
const scratch = take('--scratch') ?? mkdtempSync(join(tmpdir(), 'nano-'));
const only = take('--only');
const root = fileURLToPath(new URL('../..', import.meta.url));
const assets = join(root, 'assets');

/** The library's own command, as a user would call it. */
function train(): void {
  const tune = [join(root, 'bin/tuneloop.js'), 'tune', '--config', 'tune.json', '--out', 'run', ...options];
  process.stderr.write(`tuneloop ${tune.slice(1).join(' ')}\n`);
  const { status } = spawnSync(process.execPath, tune, { cwd: scratch, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

mkdirSync(scratch, { recursive: true });
process.stderr.write(`${scratch}\n`);
if (only === undefined || only === 'prepare') await prepare(assets, scratch);
if (only === undefined || only === 'train') train();
if (only === undefined || only === 'finish') await finish(assets, scratch);
