import type { Engine } from '../runtime/engine.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';
import { cpuMs } from '../runtime/node/host.ts';
import { makeLab, type TrainedStep } from './lab.ts';
import type { Figures, Recipe } from './recipe.ts';

/** What an arm took on one seed, by the clock and by the processor time of all threads. */
export interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of that the training steps. */
  readonly trainCpuSeconds: number;
}

/** One arm on one seed. */
export interface Cell {
  readonly figures: Figures;
  readonly cost: Cost;
}

export interface ArmTask {
  readonly config: object;
  readonly model: string;
  readonly seed: number;
  readonly arm: string;
  /** For its runs. */
  readonly folder: string;
}

export interface ArmServices {
  readonly engine: Engine;
  readonly linalg: LinearAlgebra;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: TrainedStep) => void;
}

/** Runs one arm on one seed. What else the process does meanwhile counts as its cost. */
export async function runArm(
  recipe: Recipe,
  { config, model, seed, arm, folder }: ArmTask,
  { onStep, ...services }: ArmServices,
): Promise<Cell> {
  const [begun, cpuBegun] = [performance.now(), cpuMs()];
  let trainMs = 0;
  const lab = makeLab({
    folder,
    model,
    ...services,
    onStep: (step) => {
      trainMs += step.cpuMs ?? 0;
      onStep?.(step);
    },
  });
  const figures = await recipe.build(config).run(arm, seed, lab);
  const cost = {
    seconds: (performance.now() - begun) / 1000,
    cpuSeconds: (cpuMs() - cpuBegun) / 1000,
    trainCpuSeconds: trainMs / 1000,
  };
  return { figures, cost };
}
