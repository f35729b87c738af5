import { joinPath, jsonIn, listFolder, makeFolder, pathKind, writeFileAtomic, writeJsonFile } from '../../hub/files.ts';
import { assertWritableFolder, isLeftover, removeLeftovers, removePath } from '../../hub/files-remove.ts';
import { withProcessLock } from '../../hub/files-lock.ts';
import { describe, isRecord } from '../../hub/json.ts';
import type { TuneConfig } from '../config.ts';
import type { EvalEvent } from '../events.ts';
import { runFolderAt, type RunRecord } from '../runFolder.ts';
import { UsageError } from '../usageError.ts';
import { type CompareConfigInput, type Comparison, type Method, parseComparison } from './config.ts';
import { figuresOf, gainMeasure, type GainMeasure } from './figures.ts';
import { comparePage } from './page.ts';
import type { CompareResult, CompareRun } from './result.ts';

const names = { config: 'config.json', result: 'compare.json', page: 'compare.html', runs: 'runs' } as const;

/** Names the process that is at work. */
const lockName = 'lock';

/** What a run's folder tells. */
export interface FoundRun extends CompareRun {
  readonly record?: RunRecord;
  readonly gain?: GainMeasure;
}

/** A run's folder below the comparison's. */
export const runPath = ({ folder }: Method, seed: number): string => `${names.runs}/${folder}/seed-${seed}`;

/** What stands in a run's folder: done where the run has ended by itself. */
export async function readRun(out: string, method: Method, seed: number): Promise<FoundRun> {
  const path = runPath(method, seed);
  const missing = { seed, folder: path, state: 'missing' } as const;
  if ((await pathKind(joinPath(out, path, names.config))) === undefined) return missing;
  const folder = runFolderAt(joinPath(out, path));
  const { run: record } = await folder.read();
  const done = await folder.finished();
  if (done === undefined) return { ...missing, record };
  const metrics = await folder.metrics();
  const evaluation = metrics.find((line): line is EvalEvent => line.type === 'eval');
  const { step, stopReason } = done;
  const gain = evaluation ? { gain: gainMeasure(evaluation) } : {};
  return { seed, folder: path, state: 'done', figures: figuresOf(metrics, record), record, step, stopReason, ...gain };
}

/** The first field in which two configs differ, with both values. */
function difference(a: unknown, b: unknown, path: string): readonly [string, unknown, unknown] | undefined {
  if (Object.is(a, b)) return undefined;
  const both = (isRecord(a) && isRecord(b)) || (Array.isArray(a) && Array.isArray(b));
  if (!both) return [path, a, b];
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = difference(left[key], right[key], path === '' ? key : `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
}

const shown = (value: unknown): string =>
  value === undefined
    ? 'none'
    : typeof value === 'string'
      ? value
      : isRecord(value)
        ? describe(value)
        : JSON.stringify(value);

/** How many threads compute changes no result that is compared, and is decided anew. */
const withoutThreads = ({ engine, ...config }: TuneConfig): object => ({
  ...config,
  engine: { name: engine.name, precision: engine.precision },
});

/**
 * What a comparison that was begun and one that is asked for come to together: methods and seeds may be added. UsageError naming
 * the field where anything else is not as it was.
 */
function together(out: string, begun: Comparison, asked: Comparison): Comparison {
  const assertSame = (was: TuneConfig, is: TuneConfig, name: (path: string) => string): void => {
    const found = difference(withoutThreads(was), withoutThreads(is), '');
    if (found === undefined) return;
    const [path, before, now] = found;
    throw new UsageError(
      `${out}: ${name(path)} was ${shown(before)} when this comparison was begun and is ${shown(now)} now; take another folder, or --overwrite to replace it`,
    );
  };
  assertSame(begun.base, asked.base, (path) => path);
  const added = asked.methods.filter((method) => {
    const before = begun.methods.find(({ name }) => name === method.name);
    if (before) assertSame(before.config, method.config, (path) => `methods.${method.name}.${path}`);
    return before === undefined;
  });
  for (const { name, folder } of added) {
    const other = begun.methods.find((method) => method.folder === folder);
    if (other) throw new UsageError(`methods: ${other.name} and ${name} would have one folder, ${folder}`);
  }
  const seeds = begun.seeds.length > asked.seeds.length ? begun.seeds : asked.seeds;
  return { ...asked, methods: [...begun.methods, ...added], seeds };
}

/** What config.json holds: a config of `compare`. */
const stored = ({ common, methods, seeds }: Comparison): object => ({
  ...common,
  methods: Object.fromEntries(methods.map(({ name, changes }) => [name, changes])),
  seeds: seeds.length,
});

/** The config that a comparison's folder holds. Error where it holds none. */
export async function readStored(out: string): Promise<CompareConfigInput> {
  const found = await jsonIn(out, names.config);
  if (isRecord(found) && 'methods' in found) return found as unknown as CompareConfigInput;
  throw new Error(`${out}: expected the folder of a comparison but found none`);
}

async function readComparison(out: string): Promise<Comparison> {
  const path = joinPath(out, names.config);
  return parseComparison(await readStored(out), (field) => (field === '' ? path : `${path}: ${field}`));
}

/** The comparison that a folder is to hold: the one that is asked for, with what is there already. UsageError where the folder holds something else, or where more than methods and seeds is not as it was. */
export async function joinComparison(out: string, asked: Comparison, overwrite: boolean): Promise<Comparison> {
  const kind = await pathKind(out);
  if (kind === 'file') throw new Error(`Cannot write ${out}: it is a file`);
  const there =
    kind === 'folder' ? (await listFolder(out)).filter((name) => name !== lockName && !isLeftover(name)) : [];
  const other = there.find((name) => !Object.values<string>(names).includes(name));
  if (other !== undefined || (there.length > 0 && !there.includes(names.config)))
    throw new UsageError(
      `${out}: expected a new folder, an empty one or a comparison but found ${other ?? there[0]} in it`,
    );
  await assertWritableFolder(out);
  return there.length > 0 && !overwrite ? together(out, await readComparison(out), asked) : asked;
}

/** Writes config.json, the first file; what is overwritten goes away before it. */
export async function beginFolder(out: string, comparison: Comparison, overwrite: boolean): Promise<void> {
  if (overwrite)
    for (const name of [names.runs, names.page, names.result, names.config]) await removePath(joinPath(out, name));
  await removeLeftovers(out);
  await writeJsonFile(joinPath(out, names.config), stored(comparison));
}

/** Carries work out as the only process at a comparison's folder, which is made. UsageError where another is at it. */
export async function atFolder<T>(out: string, work: () => Promise<T>): Promise<T> {
  await makeFolder(out);
  const refused = (holder: string): Error =>
    new UsageError(`${out}: expected a comparison that nobody is at but found process ${holder} at work in it`);
  return withProcessLock(joinPath(out, lockName), refused, work);
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 1;

/** What compare.json says, where it is there and whole. */
export async function readResult(out: string): Promise<CompareResult | undefined> {
  const found = await jsonIn(out, names.result).catch(() => undefined);
  const isWhole = isRecord(found) && [found['parallel'], found['threads']].every(isCount);
  return isWhole ? (found as unknown as CompareResult) : undefined;
}

/** Writes compare.json and compare.html. */
export async function writeResult(out: string, comparison: Comparison, result: CompareResult): Promise<void> {
  await writeJsonFile(joinPath(out, names.result), result);
  await writeFileAtomic(joinPath(out, names.page), comparePage(result, stored(comparison)));
}
