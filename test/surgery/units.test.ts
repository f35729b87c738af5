import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { linalgPool } from '../../src/runtime/node/linalg-pool.ts';
import { average } from '../../src/surgery/average.ts';
import { surgeries } from '../../src/surgery/index.ts';
import { interpolate } from '../../src/surgery/interpolate.ts';
import { intruderDims } from '../../src/surgery/intruderDims.ts';
import { modelStock } from '../../src/surgery/modelStock.ts';

interface Fixture {
  readonly modelStock: readonly { shape: number[]; base: number[]; models: number[][]; merged: number[] }[];
  readonly intruders: readonly {
    options: { mitigation_lambda?: number; top_k?: number; threshold_epsilon?: number };
    weight: number[];
    scaling: number;
    A: number[];
    B: number[];
    reduced: number[];
  }[];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/surgery.json', import.meta.url), 'utf8')) as Fixture;
const linalg = linalgPool({ threads: 1 });
after(() => linalg.close());

const f32 = (values: readonly number[]): Float32Array => Float32Array.from(values);
const close = (found: Float32Array, expected: readonly number[], tolerance: number): void => {
  assert.equal(found.length, expected.length);
  expected.forEach((value, at) =>
    assert.ok(Math.abs((found[at] ?? NaN) - value) <= tolerance, `${at}: ${found[at]} against ${value}`),
  );
};

for (const unit of surgeries) {
  test(`${unit.type}: models that are the base give the base, whatever the options' defaults`, async () => {
    const base = f32(Array.from({ length: 12 }, (_, at) => Math.sin(at)));
    const models = Array.from({ length: Math.min(3, unit.models.most) }, () => base.slice());
    const tensor = { name: 'w', shape: [3, 4], base, models };
    close((await unit.operate(tensor, unit.schema.parse({}), { linalg })).values, [...base], 1e-7);
  });
}

for (const { shape, base, models, merged } of fixture.modelStock) {
  test(`Model Stock of ${models.length} tensors [${shape.join(', ')}] is mergekit's`, async () => {
    const tensor = { name: 'w', shape, base: f32(base), models: models.map(f32) };
    close((await modelStock.operate(tensor, {}, { linalg })).values, merged, 2e-7);
  });
}

test('Model Stock goes back to the base where models moved apart, and all the way where they agree', async () => {
  const base = f32([1, 2]);
  const apart = await modelStock.operate(
    { name: 'w', shape: [2], base, models: [f32([2, 2]), f32([0, 2])] },
    {},
    { linalg },
  );
  assert.deepEqual([...apart.values], [1, 2]);
  assert.deepEqual(apart.figures, { cosine: -1, ratio: 0 });
  const same = await modelStock.operate(
    { name: 'w', shape: [2], base, models: [f32([2, 2]), f32([2, 2])] },
    {},
    { linalg },
  );
  assert.deepEqual([...same.values], [2, 2]);
});

test('averages and points between', async () => {
  const tensor = { name: 'w', shape: [2], base: f32([0, 4]), models: [f32([1, 2]), f32([4, 8])] };
  close((await average.operate(tensor, {}, { linalg })).values, [2.5, 5], 0);
  close((await average.operate(tensor, { coefficients: [2, 1] }, { linalg })).values, [2, 4], 0);
  assert.throws(() => average.operate(tensor, { coefficients: [1] }, { linalg }), /Expected 2 coefficients.*found 1/);
  const one = { ...tensor, models: [f32([1, 2])] };
  close((await interpolate.operate(one, { alpha: 0.25 }, { linalg })).values, [0.25, 3.5], 0);
});

for (const { options, weight, scaling, A, B, reduced } of fixture.intruders) {
  test(`intruder dimensions are reduced as PEFT does with ${JSON.stringify(options)}`, async () => {
    const [rows, columns, rank] = [24, 20, 3];
    const product = (row: number, column: number): number =>
      [0, 1, 2].reduce((sum, r) => sum + (B[row * rank + r] ?? 0) * (A[r * columns + column] ?? 0), 0);
    const base = f32(weight);
    const tuned = base.map((value, at) => value + scaling * product(Math.floor(at / columns), at % columns));
    const { values, figures } = await intruderDims.operate(
      { name: 'w', shape: [rows, columns], base, models: [tuned] },
      {
        lambda: options.mitigation_lambda ?? 0.75,
        epsilon: options.threshold_epsilon ?? 0.5,
        topK: options.top_k ?? 10,
      },
      { linalg },
    );
    assert.ok((figures?.['intruders'] ?? 0) > 0, 'the fixture has intruders');
    // PEFT keeps what a pair of the same rank can hold of the change.
    const change = Float64Array.from(values, (value, at) => (value - (base[at] ?? 0)) / scaling);
    const { u, s, vt } = await linalg.svd({ shape: [rows, columns], data: change });
    const kept = change.map((_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      return [0, 1, 2].reduce(
        (sum, r) => sum + (u.data[row * columns + r] ?? 0) * (s.data[r] ?? 0) * (vt.data[r * columns + column] ?? 0),
        0,
      );
    });
    close(f32([...kept]), reduced, 2e-6);
  });
}
