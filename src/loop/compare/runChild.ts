import { type ChildWork, workInChild } from '../../runtime/node/childWork.ts';
import type { RunSummary } from '../tuneRun.ts';
import type { RunTask, RunWork } from './child.ts';

// A package holds compiled files beside each other under the other ending.
const module = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url);

/** A run of a config in a process of its own. */
export const runInChild = ({
  config,
  folder,
  ...work
}: RunTask & Omit<ChildWork<RunWork>, 'what'>): Promise<RunSummary> =>
  workInChild<RunWork>(module, { config, ...(folder === undefined ? {} : { folder }) }, { ...work, what: 'the run' });
