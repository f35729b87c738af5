import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vjp } from '../../../src/ir/grad.ts';
import { at, buildGraph, input, type Value } from '../../../src/ir/graph.ts';
import { ops } from '../../../src/ir/ops/index.ts';
import { lower } from '../../../src/runtime/onnx/lower.ts';
import { valueTypes } from '../../../src/runtime/onnx/shapes.ts';
import { applySample, differentiable } from '../../ir/central-differences.ts';

/** The operator whose sizes only the op that emits it knows: several are possible. */
const withoutRule = /shape of ConvTranspose but found none/;

async function compare(outputs: Readonly<Record<string, Value>>): Promise<void> {
  const lowered = await lower(buildGraph(outputs));
  const { model } = lowered;
  const known = lowered.types();
  for (const { outputs: made } of model.nodes) for (const name of made) assert.ok(name === '' || known.has(name), name);
  try {
    const found = valueTypes({ ...model, outputs: [] }, new Map());
    for (const [name, type] of known) if (found.has(name)) assert.deepEqual(found.get(name), type, name);
  } catch (error) {
    assert.match(String(error), withoutRule);
  }
}

for (const op of ops) {
  const samples = op.samples?.() ?? [];
  if (samples.length === 0) continue;
  test(`${op.name}: types by rule are those of the language, forward and gradient`, async () => {
    for (const sample of samples) {
      const { outputs, leaves } = applySample(op, sample);
      await compare(Object.fromEntries(outputs.map((output, i) => [`y${i}`, output])));
      if (op.vjp === 'nondifferentiable' || sample.skipGradient !== undefined) continue;
      const y = at(outputs, 0);
      const gradients = vjp([[y, input('dy', 'f32', y.type.shape)]], differentiable(leaves));
      if (gradients.length > 0) await compare(Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])));
    }
  });
}
