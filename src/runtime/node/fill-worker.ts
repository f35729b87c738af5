/** The thread side of `fillPool`: fills shared memory by an op's host function or from a random stream. */
import { parentPort } from 'node:worker_threads';
import { ops } from '../../ir/ops/index.ts';
import { fillPiece } from '../random.ts';
import type { FillTask } from './fill-pool.ts';

const byName = new Map(ops.map((op) => [op.name, op]));

parentPort?.on('message', (task: FillTask) => {
  if ('distribution' in task) fillPiece(task.distribution, task.out, task.key, task.start);
  else byName.get(task.op)?.host?.(task.inputs, task.attrs, task.out);
  parentPort?.postMessage('filled');
});
