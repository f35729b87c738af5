import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCells } from '../../src/papers/cells.ts';
import { defineRecipe } from '../../src/papers/recipe.ts';
import type { ArmTask, Cell } from '../../src/papers/runArm.ts';
import type { Trial } from '../../src/papers/trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-cells-'));
after(() => rmSync(folder, { recursive: true }));

const recipe = defineRecipe<{ readonly steps: number }>({
  number: '000',
  claim: 'it runs',
  use: {},
  model: 'nano',
  departures: [],
  seeds: [1, 2, 3],
  config: { steps: 1 },
  smoke: { steps: 1 },
  build: () => ({ arms: ['a', 'b'], expectations: [], run: () => Promise.resolve({}) }),
});
const base = { name: 'nano', parameters: 1, fingerprint: 'f' };
const trial: Trial = { recipe, model: 'nano', base, config: recipe.config, departures: [], seeds: [1, 2, 3] };
const cost = { seconds: 3, cpuSeconds: 2, trainCpuSeconds: 1 };
const cellOf = ({ seed, arm }: ArmTask): Cell => ({ figures: { [arm]: seed }, cost });

test('cells run side by side, a second start runs what is missing alone, what failed is told once the others have ended', async () => {
  const out = join(folder, 'side');
  let [running, most] = [0, 0];
  const ran: string[] = [];
  const run = async (task: ArmTask): Promise<Cell> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    if (task.seed === 2) throw new Error('no luck');
    ran.push(`${task.seed} ${task.arm}`);
    return cellOf(task);
  };
  const options = { out, engine: 'ort fp32', parallel: 2 };
  await assert.rejects(runCells(trial, [1, 2], { ...options, run }), /no luck/);
  assert.deepEqual([most, running], [2, 0]);
  assert.deepEqual(ran.toSorted(), ['1 a', '1 b']);
  const told: string[] = [];
  const cells = await runCells(trial, [1, 2], {
    ...options,
    onArm: ({ seed, arm, done, total }) => void told.push(`${done}/${total} ${seed} ${arm}`),
    run: (task) => {
      ran.push(`${task.seed} ${task.arm}`);
      return Promise.resolve(cellOf(task));
    },
  });
  assert.deepEqual(ran.toSorted(), ['1 a', '1 b', '2 a', '2 b']);
  assert.deepEqual(told, ['1/4 1 a', '2/4 1 b', '3/4 2 a', '4/4 2 b']);
  assert.deepEqual(cells.get('2 b'), { figures: { b: 2 }, cost });
  const { model, cells: written } = JSON.parse(readFileSync(join(out, 'figures.json'), 'utf8')) as {
    model: string;
    cells: object;
  };
  assert.equal(model, 'nano');
  assert.deepEqual(Object.keys(written).toSorted(), ['1 a', '1 b', '2 a', '2 b']);
});

test('runs of another config, model or engine are not mixed with those that are there', async () => {
  const options = {
    out: join(folder, 'mixed'),
    engine: 'ort fp32',
    run: (task: ArmTask) => Promise.resolve(cellOf(task)),
  };
  await runCells(trial, [1], options);
  const refused = (other: Partial<Trial>, engine: string, message: RegExp): Promise<void> =>
    assert.rejects(runCells({ ...trial, ...other }, [1], { ...options, engine }), message);
  await refused({ config: { steps: 2 } }, 'ort fp32', /mixed: its runs began with config .*1.* but found .*2.* now/);
  await refused({ base: { ...base, fingerprint: 'g' } }, 'ort fp32', /fingerprint "f" but found "g"/);
  await refused({}, 'native bf16', /engine "ort fp32" but found "native bf16"/);
});
