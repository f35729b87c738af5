import { type ChildWork, workInChild } from '../runtime/node/childWork.ts';
import type { ArmWork, ChildTask } from './armChild.ts';
import type { Cell } from './runArm.ts';

// A package holds compiled files beside each other under the other ending.
const module = new URL(import.meta.url.endsWith('.ts') ? './armChild.ts' : './armChild.js', import.meta.url);

/** Runs one arm on one seed in a process of its own, whose processor time is the arm's own. */
export const runArmInChild = (task: ChildTask, work: Omit<ChildWork<ArmWork>, 'what'>): Promise<Cell> =>
  workInChild<ArmWork>(module, task, {
    ...work,
    what: `seed ${task.seed}, ${task.arm}: the run`,
  });
