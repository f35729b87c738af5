import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchOption {
  /** Placeholder and meaning, for the help. */
  readonly help: string;
  readonly default?: string;
}

/** The options of the command line as strings; prints the help and ends the process on --help. */
export function readOptions<K extends string>(
  what: string,
  options: Readonly<Record<K, BenchOption>>,
): Readonly<Record<K, string | undefined>> {
  const names = Object.keys(options) as K[];
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    },
  });
  if (values.help) {
    console.log(what);
    for (const name of names) {
      const { help, default: value } = options[name];
      console.log(`  --${name} ${help}${value === undefined ? '' : ` (default ${value})`}`);
    }
    process.exit(0);
  }
  const given = values as Readonly<Record<string, string | boolean | undefined>>;
  const read = (name: K): string | undefined => (typeof given[name] === 'string' ? given[name] : options[name].default);
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<K, string | undefined>;
}

/** Throws RangeError unless the text is a positive whole number. */
export function count(name: string, text: string | undefined): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`Expected --${name} of at least 1 but found ${text}`);
  return value;
}

/** What is trained. Throws RangeError on anything else. */
export function trained(text: string | undefined): 'lora' | 'full' {
  if (text !== 'lora' && text !== 'full') throw new RangeError(`Expected --train lora or full but found ${text}`);
  return text;
}

/** The folder of a checkpoint; ends the process with the reason when it is not there. */
export function modelFolder(path: string | undefined): string {
  if (path === undefined) return skip('no model: give --model FOLDER (float32 safetensors)');
  return existsSync(join(path, 'config.json')) ? path : skip(`no config.json in ${path}`);
}

/** Ends the process: nothing was measured, and that is no failure. */
export function skip(reason: string): never {
  console.log(`skipped: ${reason}`);
  process.exit(0);
}
