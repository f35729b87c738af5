import { joinPath, writeJsonFile } from '../hub/files.ts';
import type { BaseModel } from './baseModel.ts';
import { type CellsOptions, keyOf, runCells } from './cells.ts';
import type { Figures } from './recipe.ts';
import type { Cell, Cost } from './runArm.ts';
import type { Trial } from './trial.ts';
import { judge, type Outcome, type Verdict, verdictOf } from './verdict.ts';

/** What a verification came to: written by the run, never by hand. */
export interface VerifyResult {
  readonly number: string;
  readonly claim: string;
  readonly departures: readonly string[];
  readonly verdict: Verdict;
  readonly outcomes: readonly Outcome[];
  /** Its name. */
  readonly model: string;
  /** More of it; not there in results of before this was told. */
  readonly base?: Omit<BaseModel, 'name'>;
  readonly engine: string;
  readonly config: object;
  readonly seeds: readonly number[];
  /** By seed and arm, in the order of `seeds`. */
  readonly figures: readonly Readonly<Record<string, Figures>>[];
  /** In the same order; not there in results of before processor time was told. */
  readonly costs?: readonly Readonly<Record<string, Cost>>[];
  /** Processor time of all arms together. */
  readonly cpuSeconds?: number;
  /** Time of all arms together, each by the clock. */
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface VerifyOptions extends CellsOptions {
  /** The setting's unless given. */
  readonly seeds?: readonly number[] | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

/** Runs a recipe's arms on all seeds and judges its claim. Goes on where an earlier start of the same config ended. */
export async function verify(trial: Trial, options: VerifyOptions): Promise<VerifyResult> {
  const { recipe, config, departures, base } = trial;
  const { seeds = trial.seeds, engine, versions, out } = options;
  const { arms, expectations } = recipe.build(config);
  const cells = await runCells(trial, seeds, options);
  const ofArms = <T>(value: (cell: Cell) => T): Readonly<Record<string, T>>[] =>
    seeds.map((seed) =>
      Object.fromEntries(
        arms.map((arm) => {
          const cell = cells.get(keyOf(seed, arm));
          if (!cell) throw new Error(`Expected figures of seed ${seed}, ${arm} but found none`);
          return [arm, value(cell)];
        }),
      ),
    );
  const [figures, costs] = [ofArms((cell) => cell.figures), ofArms(({ cost }) => cost)];
  const outcomes = expectations.map((expectation) => judge(expectation, figures));
  const all = costs.flatMap((seed) => Object.values(seed));
  const { name: model, ...told } = base;
  const result: VerifyResult = {
    number: recipe.number,
    claim: recipe.claim,
    departures,
    verdict: verdictOf(outcomes),
    outcomes,
    model,
    base: told,
    engine,
    config,
    seeds,
    figures,
    costs,
    cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    seconds: all.reduce((sum, { seconds }) => sum + seconds, 0),
    versions,
  };
  await writeJsonFile(joinPath(out, 'result.json'), result);
  return result;
}
