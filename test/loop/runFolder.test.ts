import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { writeFileAtomic } from '../../src/hub/files.ts';
import type { DoneEvent, StepEvent } from '../../src/loop/events.ts';
import { parseConfig } from '../../src/loop/parseConfig.ts';
import { readConfigFile } from '../../src/loop/configFile.ts';
import { newRunFolder, openRunFolder, type RunRecord } from '../../src/loop/runFolder.ts';
import { UsageError } from '../../src/loop/usageError.ts';

const config = parseConfig({ model: { path: 'm' }, data: { path: 'd' } });
const run: RunRecord = {
  versions: { tuneloop: '0.1.0' },
  fingerprints: { model: 'a', data: 'b' },
  engine: { name: 'ort', precision: 'fp32' },
  parameters: { all: 100, trained: 10 },
  preview: { notes: ['1 example'], example: ['+ 1 "a"'] },
};
const step = (number: number): StepEvent => ({
  type: 'step',
  step: number,
  epoch: 1,
  loss: 1 / number,
  learningRate: 1,
  gradNorm: 1,
  tokens: 5,
  supervisedTokens: 3,
  stepMs: 7,
});
const done = (stopReason: DoneEvent['stopReason']): DoneEvent => ({
  type: 'done',
  stopReason,
  step: 3,
  adapterStep: 3,
  seconds: 1,
});

function place(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tuneloop-run-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'out', 'run');
}

test('nothing is written before the start, then the config comes first and whole', async (context) => {
  const path = place(context);
  const folder = await newRunFolder(path);
  assert.equal(existsSync(join(path, '..')), false);
  await folder.start(config, run);
  assert.deepEqual(readdirSync(path), ['config.json']);
  assert.deepEqual(JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')), { ...config, run });
  const again = await openRunFolder(path);
  assert.deepEqual(await again.read(), { config, run });
  assert.deepEqual(parseConfig(await readConfigFile(join(path, 'config.json'))), config);
  const longer = { ...config, train: { ...config.train, maxSteps: 9 } };
  await again.replaceConfig(longer);
  assert.deepEqual(await again.read(), { config: longer, run });
});

test('a run is not overwritten unasked, and other folders never', async (context) => {
  const path = place(context);
  const first = await newRunFolder(path);
  await first.start(config, run);
  await first.append(step(1));
  await first.saveCheckpoint(1, (inside) => writeFileAtomic(join(inside, 'x'), 'x'));
  await assert.rejects(newRunFolder(path), (error) => error instanceof UsageError && /--overwrite/.test(error.message));
  const second = await newRunFolder(path, { overwrite: true });
  assert.equal((await first.metrics()).length, 1, 'the old run stays until the new one starts');
  await second.start(config, run);
  assert.deepEqual(readdirSync(path), ['config.json']);

  const other = join(path, '..', 'other');
  mkdirSync(other);
  await newRunFolder(other);
  writeFileSync(join(other, 'config.json.tmp-0123abcd'), 'left by a kill');
  await newRunFolder(other);
  writeFileSync(join(other, 'thesis.txt'), 'precious');
  await assert.rejects(
    newRunFolder(other, { overwrite: true }),
    /expected a new folder, an empty one or a run but found thesis\.txt/,
  );
  await assert.rejects(newRunFolder(join(other, 'thesis.txt')), /it is a file/);
  await assert.rejects(newRunFolder(join(other, 'thesis.txt', 'run')), /a part of the path is not a folder/);
  await assert.rejects(openRunFolder(other), /expected a run folder with config\.json but found none/);
});

test(
  'a folder that the system denies ends in an error, not in an endless loop',
  { skip: !existsSync('/proc') && 'no /proc' },
  async () => {
    await assert.rejects(newRunFolder('/proc/run'), /Cannot create \/proc\/run/);
  },
);

test('after a resume no step stands twice, whatever a kill left', async (context) => {
  const path = place(context);
  const folder = await newRunFolder(path);
  await folder.start(config, run);
  const evaluation = { type: 'eval', step: 2, evalLoss: 1, supervisedTokens: 3, evalMs: 1 } as const;
  for (const line of [step(1), step(2), evaluation, step(3), done('interrupted')]) await folder.append(line);
  appendFileSync(join(path, 'metrics.jsonl'), '{"type":"step","step":4,"lo');
  await folder.rewindMetrics(2);
  await folder.append(step(3));
  assert.deepEqual(await folder.metrics(), [step(1), step(2), evaluation, step(3)]);
  assert.equal(readFileSync(join(path, 'metrics.jsonl'), 'utf8').endsWith('}\n'), true);
  await folder.rewindMetrics(0);
  assert.deepEqual(await folder.metrics(), []);
});

test('a run is finished when it ended by itself or at a limit, not when it was interrupted', async (context) => {
  const folder = await newRunFolder(place(context));
  await folder.start(config, run);
  assert.equal(await folder.finished(), undefined);
  await folder.append(step(1));
  assert.equal(await folder.finished(), undefined);
  await folder.append(done('interrupted'));
  assert.equal(await folder.finished(), undefined);
  await folder.rewindMetrics(1);
  await folder.append(done('max-steps'));
  assert.deepEqual(await folder.finished(), done('max-steps'));
});
