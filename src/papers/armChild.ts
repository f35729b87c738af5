// One arm on one seed in a process of its own, which `runArmInChild` starts.
import { chooseEngine, type EngineChoice } from '../loop/engines.ts';
import { workForParent } from '../runtime/node/childWork.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import type { TrainedStep } from './lab.ts';
import { papers } from './papers.ts';
import { type ArmTask, type Cell, runArm } from './runArm.ts';

export interface ChildTask extends ArmTask {
  /** The recipe's. */
  readonly number: string;
  readonly engine: EngineChoice;
}

/** An arm as work in a process of its own. */
export interface ArmWork {
  readonly task: ChildTask;
  readonly event: TrainedStep;
  readonly result: Cell;
}

workForParent<ArmWork>(async ({ number, engine: choice, ...task }, { emit, signal }) => {
  const { engine } = await chooseEngine(choice);
  const linalg = linalgPool(choice.threads === undefined ? {} : { threads: choice.threads });
  try {
    return await runArm(papers.recipe(number), task, { engine, linalg, signal, onStep: emit });
  } finally {
    linalg.close();
    engine.close();
  }
});
