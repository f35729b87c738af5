import { joinPath, makeFolder, readOptionalJsonFile, writeJsonFile } from '../hub/files.ts';
import { withProcessLock } from '../hub/files-lock.ts';
import { isRecord } from '../hub/json.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Figures } from './recipe.ts';
import type { ArmTask, Cell } from './runArm.ts';
import type { Trial } from './trial.ts';

export interface CellsOptions {
  /** Folder of the runs and of figures.json, which a second start goes on from. */
  readonly out: string;
  /** Engine and precision, as results tell them. */
  readonly engine: string;
  readonly run: (task: ArmTask) => Promise<Cell>;
  /** Cells side by side, which `run` must allow for; 1 unless given. */
  readonly parallel?: number;
  readonly signal?: AbortSignal;
  readonly onArm?: (arm: {
    readonly seed: number;
    readonly arm: string;
    readonly figures: Figures;
    readonly cost: Cell['cost'];
    /** Cells that are there now, of all. */
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** What every cell of a folder has in common. */
interface Common {
  readonly config: object;
  readonly model: string;
  readonly fingerprint: string;
  readonly engine: string;
}

const fileName = 'figures.json';

/** A cell's name in figures.json. */
export const keyOf = (seed: number, arm: string): string => `${seed} ${arm}`;

/** The cells that a folder holds. UsageError where they are of another config, model or engine. */
async function readCells(out: string, common: Common): Promise<Map<string, Cell>> {
  const saved = await readOptionalJsonFile(joinPath(out, fileName));
  if (saved === undefined) return new Map();
  const cells = isRecord(saved) ? saved['cells'] : undefined;
  if (!isRecord(saved) || !isRecord(cells))
    throw new UsageError(`${joinPath(out, fileName)}: expected figures of a recipe but found something else`);
  for (const [name, now] of Object.entries(common)) {
    const [was, is] = [saved[name], now].map((value) => JSON.stringify(value) ?? 'none');
    if (was !== is)
      throw new UsageError(`${out}: its runs began with ${name} ${was} but found ${is} now; take another folder`);
  }
  return new Map(Object.entries(cells as Record<string, Cell>));
}

async function runMissing(
  { recipe, config, model, base }: Trial,
  seeds: readonly number[],
  { out, engine, run, parallel = 1, signal, onArm }: CellsOptions,
): Promise<ReadonlyMap<string, Cell>> {
  const common = { config, model: base.name, fingerprint: base.fingerprint, engine };
  const cells = await readCells(out, common);
  const { arms } = recipe.build(config);
  const queue = seeds.flatMap((seed) => arms.map((arm) => ({ seed, arm })));
  const total = queue.length;
  let done = 0;
  let failed: { readonly error: unknown } | undefined;
  let written = Promise.resolve();
  // One after another, so that what is written last is the newest.
  const write = (): Promise<void> =>
    (written = written.then(() =>
      writeJsonFile(joinPath(out, fileName), { ...common, cells: Object.fromEntries(cells) }),
    ));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && failed === undefined; next = queue.shift()) {
      const { seed, arm } = next;
      const key = keyOf(seed, arm);
      let cell = cells.get(key);
      if (cell === undefined) {
        signal?.throwIfAborted();
        cell = await run({ config, model, seed, arm, folder: joinPath(out, `seed-${seed}`, arm) });
        cells.set(key, cell);
        await write();
      }
      onArm?.({ seed, arm, ...cell, done: ++done, total });
    }
  };
  const guarded = (): Promise<void> => worker().catch((error: unknown) => void (failed ??= { error }));
  await Promise.all(Array.from({ length: parallel }, guarded));
  if (failed) throw failed.error;
  return cells;
}

/** What every arm comes to on the seeds, each kept as soon as it is there. Goes on where an earlier start ended; one that fails ends those after it. */
export async function runCells(
  trial: Trial,
  seeds: readonly number[],
  options: CellsOptions,
): Promise<ReadonlyMap<string, Cell>> {
  const { out } = options;
  await makeFolder(out);
  const refused = (holder: string): Error =>
    new UsageError(`${out}: expected runs that nobody is at but found process ${holder} at work in them`);
  return withProcessLock(joinPath(out, 'lock'), refused, () => runMissing(trial, seeds, options));
}
