import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openMergedWeights, readValues, type WeightsPath } from '../../src/adapters/mergedWeights.ts';
import { linalgPool } from '../../src/runtime/node/linalg-pool.ts';
import { average } from '../../src/surgery/average.ts';
import { interpolate } from '../../src/surgery/interpolate.ts';
import { intruderDims } from '../../src/surgery/intruderDims.ts';
import { operate, type OperateOptions } from '../../src/surgery/operate.ts';

const at = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-surgery-'));
const linalg = linalgPool({ threads: 1 });
after(() => {
  linalg.close();
  rmSync(folder, { recursive: true });
});

const model = at('models/default');
const tuned: WeightsPath = { model, adapter: at('lora/all-linear') };
const other: WeightsPath = { model, adapter: at('lora/rslora') };
const out = (name: string): string => join(folder, name);
const job = (options: Partial<OperateOptions> & Pick<OperateOptions, 'unit' | 'models' | 'out'>): OperateOptions => ({
  options: {},
  base: { model },
  linalg,
  ...options,
});

async function valuesOf(path: WeightsPath): Promise<Map<string, Float32Array>> {
  const weights = await openMergedWeights(path);
  const values = new Map<string, Float32Array>();
  for (const { source } of weights.tensors) values.set(source.name, await readValues(source));
  await weights.close();
  return values;
}

test('alpha 1 is the tuned model, alpha 0 the base, and the average of two lies between them', async () => {
  await operate(job({ unit: interpolate, options: { alpha: 1 }, models: [tuned], out: out('one') }));
  await operate(job({ unit: interpolate, options: { alpha: 0 }, models: [tuned], out: out('zero') }));
  await operate(job({ unit: average, models: [tuned, other], out: out('mean') }));
  const [one, zero, mean] = [
    await valuesOf({ model: out('one') }),
    await valuesOf({ model: out('zero') }),
    await valuesOf({ model: out('mean') }),
  ];
  const [first, second, base] = [await valuesOf(tuned), await valuesOf(other), await valuesOf({ model })];
  assert.deepEqual(zero, base);
  for (const [name, values] of first) {
    const pair = second.get(name) ?? [];
    values.forEach((value, index) => {
      assert.ok(Math.abs((one.get(name)?.[index] ?? NaN) - value) < 1e-6);
      assert.ok(Math.abs((mean.get(name)?.[index] ?? NaN) - (value + (pair[index] ?? 0)) / 2) < 1e-6);
    });
  }
});

test('linear layers that are stored [in, out] are handed over as [out, in]', async () => {
  const gpt2 = at('architectures/gpt2');
  const shapes: string[] = [];
  const unit = {
    ...intruderDims,
    operate: ({ name, shape, models: [values = new Float32Array()] }: Parameters<typeof intruderDims.operate>[0]) => {
      shapes.push(`${name.replace(/^.*h\.0\./, '')} ${shape.join('x')}`);
      return { values };
    },
  };
  await operate(job({ unit, base: { model: gpt2 }, models: [{ model: gpt2 }], out: out('gpt2') }));
  const base = await valuesOf({ model: gpt2 });
  const fc = [...base.keys()].find((name) => name.endsWith('h.0.mlp.c_fc.weight')) ?? '';
  assert.ok(base.has(fc));
  const wide = shapes.find((shape) => shape.startsWith('mlp.c_fc.weight'));
  const [rows = 0, columns = 0] = (wide?.split(' ')[1] ?? '').split('x').map(Number);
  assert.ok(rows > columns, 'the first layer of the MLP widens');
  assert.deepEqual(await valuesOf({ model: out('gpt2') }), base);
});

test('models of other shapes, wrong counts and a folder that is there are refused, and nothing is left behind', async () => {
  const wide = { model: at('models/wide-heads') };
  await assert.rejects(
    operate(job({ unit: average, models: [wide], out: out('no') })),
    /expected tensor .* as the base has it, but found/,
  );
  await assert.rejects(
    operate(job({ unit: interpolate, models: [tuned, other], out: out('no') })),
    /expected 1 models beside the base but found 2/,
  );
  await assert.rejects(operate(job({ unit: average, models: [tuned], out: folder })), /exists|there already|expected/i);
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(operate(job({ unit: average, models: [tuned], out: out('no'), signal: controller.signal })));
  assert.ok(!existsSync(out('no')));
});
