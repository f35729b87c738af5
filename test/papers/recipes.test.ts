import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { catalogue } from '../../src/papers/catalogue.ts';
import { findPaper, recipes } from '../../src/papers/index.ts';
import { type ArmTask, runArm } from '../../src/papers/runArm.ts';
import { trialOf } from '../../src/papers/trial.ts';
import { verify } from '../../src/papers/verify.ts';
import { linalgPool } from '../../src/runtime/node/linalg-pool.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';

const folder = new URL('../../src/papers/', import.meta.url);
const root = mkdtempSync(join(tmpdir(), 'tuneloop-papers-'));
const [engine, linalg] = [ortEngine({ threads: 2 }), linalgPool({ threads: 2 })];
// Not the model in the package: a recipe that takes any model must train and measure this one.
const copied = join(root, 'other');
cpSync(new URL('../../assets/nano/', import.meta.url), copied, { recursive: true });
after(() => {
  engine.close();
  linalg.close();
  rmSync(root, { recursive: true });
});

test('the catalogue has 119 papers, each with a number, a slug of its own and a title', () => {
  assert.deepEqual(
    catalogue.map(({ number }) => number),
    Array.from({ length: 119 }, (_, i) => String(i + 1).padStart(3, '0')),
  );
  assert.equal(new Set(catalogue.map(({ slug }) => slug)).size, 119);
  assert.ok(catalogue.every(({ slug, title, kind, parts }) => /^[a-z0-9-]+$/.test(slug) && title && kind && parts));
  assert.equal(findPaper('52'), findPaper('intruder-dims'));
  assert.equal(findPaper('120'), undefined);
});

test('every file of a recipe is listed, has at most 100 lines and the name of its paper', () => {
  const files = readdirSync(folder).filter((name) => /^\d/.test(name));
  assert.equal(files.length, recipes.length);
  for (const { number } of recipes) {
    const paper = findPaper(number) ?? assert.fail(number);
    const file = new URL(`${number}-${paper.slug}.ts`, folder);
    assert.ok(existsSync(file), file.pathname);
    assert.ok(readFileSync(file, 'utf8').split('\n').length <= 100);
  }
});

for (const recipe of recipes) {
  test(`${recipe.number}: runs small on one seed after another, judges what it finds, and a second start only reads`, async () => {
    const out = join(root, recipe.number);
    const versions = {};
    const trial = await trialOf(recipe, { smoke: true, ...(recipe.onlyModel === undefined ? { model: copied } : {}) });
    const { expectations, arms } = recipe.build(recipe.smoke);
    const judged = expectations.filter(({ arm, than }) => arms.includes(arm) && arms.includes(than));
    assert.ok(judged.length > 0 && recipe.seeds.length >= 3);
    const told: string[] = [];
    const options = {
      out,
      engine: 'ort fp32',
      run: (task: ArmTask) => runArm(recipe, task, { engine, linalg }),
      versions,
      seeds: [1, 2],
      onArm: ({ arm }: { arm: string }) => void told.push(arm),
    };
    const result = await verify(trial, options);
    assert.deepEqual(told, [...arms, ...arms]);
    // What a run has loaded goes with it: a verification is hundreds of runs in one process.
    assert.equal(engine.memory().programs, 0);
    assert.equal(result.outcomes.length, expectations.length);
    assert.ok(
      result.figures.every((seed) => arms.every((arm) => Object.values(seed[arm] ?? {}).every(Number.isFinite))),
    );
    for (const seed of result.costs ?? [])
      for (const { cpuSeconds, trainCpuSeconds } of Object.values(seed)) assert.ok(cpuSeconds > trainCpuSeconds);
    assert.equal(result.model, recipe.model === 'nano' ? 'other' : recipe.model);
    assert.ok((result.base?.parameters ?? 0) > 1e5);
    const written = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /metrics.jsonl$/.test(name),
    );
    const configs = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('run/config.json'),
    );
    for (const name of configs) {
      const { model, data } = JSON.parse(readFileSync(join(out, name), 'utf8')) as {
        model: { path: string };
        data: { packing: boolean };
      };
      assert.equal(data.packing, (recipe.smoke as { packing?: boolean }).packing ?? false);
      assert.ok(recipe.onlyModel !== undefined || model.path === copied || model.path.startsWith(out), model.path);
    }
    const times = (): number[] => written.map((name) => statSync(join(out, name)).mtimeMs);
    const before = times();
    assert.ok(before.length > 0);
    assert.deepEqual(await verify(trial, options), result);
    assert.deepEqual(times(), before);
  });
}
