import { type ChildWork, workInChild } from '../../runtime/node/childWork.ts';
import { moduleBeside } from '../../runtime/node/moduleBeside.ts';
import type { RunSummary } from '../tuneRun.ts';
import type { RunTask, RunWork } from './child.ts';

const module = moduleBeside(import.meta.url, 'child');

/** A run of a config in a process of its own. */
export const runInChild = ({
  config,
  folder,
  ...work
}: RunTask & Omit<ChildWork<RunWork>, 'what'>): Promise<RunSummary> =>
  workInChild<RunWork>(module, { config, ...(folder === undefined ? {} : { folder }) }, { ...work, what: 'the run' });
