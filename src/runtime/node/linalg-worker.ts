/** The thread side of `linalgPool`. */
import { parentPort } from 'node:worker_threads';
import { type Job, runJob } from '../linalg/job.ts';
import { replyTo } from '../linalg/pool.ts';
import { workspace } from '../linalg/workspace.ts';

const work = workspace();

parentPort?.on('message', (job: Job) => {
  void replyTo(async (job) => runJob(await work, job), job).then(({ reply, transfer }) =>
    parentPort?.postMessage(reply, transfer),
  );
});
