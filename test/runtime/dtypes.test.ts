import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apply, buildGraph, input, type Value } from '../../src/ir/graph.ts';
import type { Op, Sample } from '../../src/ir/op.ts';
import { ops } from '../../src/ir/ops/index.ts';
import type { Dense, DType } from '../../src/ir/types.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { fastEngines } from './engines.ts';
import { distance } from './opCases.ts';

/** The operand in another dtype, with small whole numbers. */
function as(dtype: DType, operand: Dense): Dense {
  const least = dtype === 'bool' || dtype === 'u8' ? 0 : -3;
  const whole = (x: number): number => Math.max(least, Math.min(dtype === 'bool' ? 1 : 3, Math.round(2 * x)));
  return { dtype, shape: operand.shape, data: operand.data.map(whole) };
}

/** The sample with operands of another dtype in the places of `which`. */
const changed = (sample: Sample, dtype: DType, which: (index: number) => boolean): (Dense | null)[] =>
  sample.inputs.map((operand, i) => (operand && which(i) ? as(dtype, operand) : operand));

/** What an op does with such operands: null where it refuses them by name. */
function attempt(op: Op, sample: Sample, operands: readonly (Dense | null)[]): readonly Value[] | null {
  const leaves = operands.map((operand, i) => operand && input(`x${i}`, operand.dtype, operand.shape));
  try {
    return apply(op, leaves, sample.attrs);
  } catch (error) {
    assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
    assert.match(error.message, new RegExp(`^${op.name}: `));
    return null;
  }
}

for (const op of ops) {
  const sample = op.samples?.()[0];
  if (!sample) continue;
  test(`${op.name}: operands of every dtype are refused by name or give what the reference gives`, async () => {
    const floats = sample.inputs.flatMap((operand, i) => (operand?.dtype === 'f32' ? [i] : []));
    const others = sample.inputs.flatMap((operand, i) => (operand && operand.dtype !== 'f32' ? [[i]] : []));
    const places: readonly (readonly number[])[] = [...floats.map((place) => [place]), floats];
    for (const dtype of ['i32', 'bool', 'u8', 'f32'] as const) {
      for (const which of dtype === 'f32' ? others : places) {
        const operands = changed(sample, dtype, (i) => which.includes(i));
        const outputs = which.length === 0 ? null : attempt(op, sample, operands);
        if (!outputs) continue;
        const graph = buildGraph(Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])));
        const feeds = Object.fromEntries(operands.flatMap((x, i) => (x ? [[`x${i}`, x]] : [])));
        const used = Object.fromEntries(graph.leaves.map(({ name }) => [name, feeds[name] ?? assert.fail()]));
        const place = `${dtype} at ${which.join()}`;
        const expected = evaluate(graph, used);
        for (const engine of fastEngines) {
          const program = await engine.load(graph);
          const fed = Object.entries(used).map(([name, x]) => [name, tensor(x.dtype, x.shape, x.data)]);
          const found = await program.run(Object.fromEntries(fed));
          program.release();
          for (const [name, { data }] of Object.entries(expected)) {
            const error = distance(found[name]?.data ?? [], data);
            assert.ok(error < 3e-6, `${engine.name}, ${place}: ${name}: relative error ${error}`);
          }
        }
      }
    }
  });
}
