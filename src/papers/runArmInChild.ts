import { type ChildWork, workInChild } from '../runtime/node/childWork.ts';
import { moduleBeside } from '../runtime/node/moduleBeside.ts';
import type { ArmWork, ChildTask } from './armChild.ts';
import type { Cell } from './runArm.ts';

const module = moduleBeside(import.meta.url, 'armChild');

/** Runs one arm on one seed in a process of its own, whose processor time is the arm's own. */
export const runArmInChild = (task: ChildTask, work: Omit<ChildWork<ArmWork>, 'what'>): Promise<Cell> =>
  workInChild<ArmWork>(module, task, {
    ...work,
    what: `seed ${task.seed}, ${task.arm}: the run`,
  });
