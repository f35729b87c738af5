import { joinPath, makeFolder, readOptionalJsonFile, writeJsonFile } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import type { Engine } from '../runtime/engine.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';
import { makeLab } from './lab.ts';
import type { Figures, Recipe } from './recipe.ts';
import { judge, type Outcome, type Verdict, verdictOf } from './verdict.ts';

/** What a verification came to: written by the run, never by hand. */
export interface VerifyResult {
  readonly number: string;
  readonly claim: string;
  readonly departures: readonly string[];
  readonly verdict: Verdict;
  readonly outcomes: readonly Outcome[];
  readonly model: string;
  readonly engine: string;
  readonly config: object;
  readonly seeds: readonly number[];
  /** By seed and arm, in the order of `seeds`. */
  readonly figures: readonly Readonly<Record<string, Figures>>[];
  /** Time of all arms together. */
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface VerifyOptions {
  /** Folder of the runs and of figures.json, which a second start goes on from. */
  readonly out: string;
  readonly engine: Engine;
  readonly linalg: LinearAlgebra;
  readonly versions: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onArm?: (arm: { readonly seed: number; readonly arm: string; readonly figures: Figures }) => void;
}

interface Cell {
  readonly figures: Figures;
  readonly seconds: number;
}

const keyOf = (seed: number, arm: string): string => `${seed} ${arm}`;

/** The figures of every arm on the seeds, each kept as soon as it is there. */
export async function runArms(
  recipe: Recipe,
  { config, seeds }: { readonly config: object; readonly seeds: readonly number[] },
  { out, engine, linalg, signal, onArm }: VerifyOptions,
): Promise<ReadonlyMap<string, Cell>> {
  const { arms, run } = recipe.build(config);
  const path = joinPath(out, 'figures.json');
  await makeFolder(out);
  const saved = await readOptionalJsonFile(path);
  const same = isRecord(saved) && JSON.stringify(saved['config']) === JSON.stringify(config);
  const known = same && isRecord(saved['cells']) ? (saved['cells'] as Record<string, Cell>) : {};
  const cells = new Map(Object.entries(known));
  for (const seed of seeds) {
    for (const arm of arms) {
      const key = keyOf(seed, arm);
      if (!cells.has(key)) {
        signal?.throwIfAborted();
        const begun = performance.now();
        const lab = makeLab({
          folder: joinPath(out, `seed-${seed}`, arm),
          engine,
          linalg,
          ...(signal ? { signal } : {}),
        });
        const figures = await run(arm, seed, lab);
        cells.set(key, { figures, seconds: (performance.now() - begun) / 1000 });
        await writeJsonFile(path, { config, cells: Object.fromEntries(cells) });
      }
      onArm?.({ seed, arm, figures: cells.get(key)?.figures ?? {} });
    }
  }
  return cells;
}

/** Runs a recipe's arms on all seeds and judges its claim. Goes on where an earlier start of the same config ended. */
export async function verify(
  recipe: Recipe,
  options: VerifyOptions & { readonly seeds?: readonly number[] },
): Promise<VerifyResult> {
  const { number, claim, departures, model, config } = recipe;
  const seeds = options.seeds ?? recipe.seeds;
  const { arms, expectations } = recipe.build(config);
  const cells = await runArms(recipe, { config, seeds }, options);
  const figures = seeds.map((seed) =>
    Object.fromEntries(arms.map((arm) => [arm, cells.get(keyOf(seed, arm))?.figures ?? {}])),
  );
  const outcomes = expectations.map((expectation) => judge(expectation, figures));
  const wanted = new Set(seeds.flatMap((seed) => arms.map((arm) => keyOf(seed, arm))));
  const seconds = [...cells].reduce((sum, [key, cell]) => sum + (wanted.has(key) ? cell.seconds : 0), 0);
  const { engine, versions, out } = options;
  const result: VerifyResult = {
    number,
    claim,
    departures,
    verdict: verdictOf(outcomes),
    outcomes,
    model,
    engine: `${engine.name} ${engine.precision}`,
    config,
    seeds,
    figures,
    seconds,
    versions,
  };
  await writeJsonFile(joinPath(out, 'result.json'), result);
  return result;
}
