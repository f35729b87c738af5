import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ops } from '../../src/ir/ops/index.ts';
import { evaluateValues } from '../../src/runtime/evaluate.ts';
import { applySample, gradientError } from './central-differences.ts';

test('every op that a file of src/ir/ops defines is in the list', async () => {
  const folder = new URL('../../src/ir/ops/', import.meta.url);
  const listed = new Set(ops.map((op) => op.name));
  for (const file of readdirSync(folder)) {
    const module = (await import(new URL(file, folder).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) {
      if (name.endsWith('Op'))
        assert.ok(listed.has((value as { name: string }).name), `${name} of ${file} is not in the list of ops`);
    }
  }
  assert.equal(listed.size, ops.length, 'op names are unique');
});

for (const op of ops) {
  const samples = op.samples?.() ?? [];
  test(`${op.name}: has samples, a formula and a meaning`, () => {
    assert.ok(op.formula.length > 0);
    assert.ok(samples.length > 0 || op.name === 'constant', 'no samples');
    assert.ok(op.reference ?? op.decompose, 'neither reference nor decomposition');
  });
  for (const sample of samples) {
    test(`${op.name}, ${sample.name}: the reference gives what the shape rule says`, () => {
      const { outputs, env } = applySample(op, sample);
      evaluateValues(outputs, env);
    });
    if (op.vjp === 'nondifferentiable' || sample.skipGradient !== undefined) continue;
    test(`${op.name}, ${sample.name}: gradient against central differences`, () => {
      const error = gradientError(op, sample);
      assert.ok(error < 1e-6, `relative error ${error}`);
    });
  }
}
