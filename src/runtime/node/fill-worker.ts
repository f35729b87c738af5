/** The thread side of `fillPool`: fills shared memory by an op's host function. */
import { parentPort } from 'node:worker_threads';
import { ops } from '../../ir/ops/index.ts';
import type { FillTask } from './fill-pool.ts';

const byName = new Map(ops.map((op) => [op.name, op]));

parentPort?.on('message', ({ op, inputs, attrs, out }: FillTask) => {
  byName.get(op)?.host?.(inputs, attrs, out);
  parentPort?.postMessage('filled');
});
