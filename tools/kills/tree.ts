import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What must not differ between runs: times and memory. */
const times: ReadonlySet<string> = new Set([
  'stepMs',
  'cpuMs',
  'evalMs',
  'measureMs',
  'sampleMs',
  'seconds',
  'peakBytes',
]);

/** Lines of a run's metrics.jsonl or samples.jsonl without times; a last line without its end is what a kill leaves. */
export function linesOf(run: string, name: string): string[] {
  const path = join(run, name);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.stringify(JSON.parse(line, (key, value: unknown) => (times.has(key) ? undefined : value))));
}

/** Hashes of all files below a path, or of the one at it, by name; links by where they lead. */
export function treeOf(path: string, skip: (name: string) => boolean = () => false): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (at: string, name: string): void => {
    if (skip(name)) return;
    const stat = lstatSync(at);
    if (stat.isSymbolicLink()) found[name] = `-> ${readlinkSync(at)}`;
    else if (stat.isDirectory())
      for (const each of readdirSync(at).toSorted()) walk(join(at, each), name === '' ? each : `${name}/${each}`);
    else found[name] = createHash('sha256').update(readFileSync(at)).digest('hex');
  };
  if (existsSync(path)) walk(path, '');
  return found;
}
