import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { vjp } from '../../src/ir/grad.ts';
import { at, buildGraph, input, type Value } from '../../src/ir/graph.ts';
import { ops } from '../../src/ir/ops/index.ts';
import type { Dense } from '../../src/ir/types.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { applySample, differentiable } from '../ir/central-differences.ts';

/** Largest difference relative to the largest finite magnitude; infinities and NaN must agree exactly. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const finite = Array.from(expected).filter(Number.isFinite);
  const scale = Math.max(1e-30, ...finite.map(Math.abs));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = Math.fround(expected[i] as number);
    const have = found[i] as number;
    if (Number.isFinite(want)) worst = Math.max(worst, Number.isNaN(have) ? Infinity : Math.abs(have - want) / scale);
    else if (!Object.is(have, want)) return Number.POSITIVE_INFINITY;
  }
  return worst;
}

async function compare(
  engine: Engine,
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, Dense>>,
  tolerance: number,
  inPlace: Readonly<Record<string, string>> = {},
): Promise<void> {
  const graph = buildGraph(outputs, { inPlace });
  const used = new Set(graph.leaves.map(({ name }) => name));
  const dense = Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name)));
  const expected = evaluate(graph, dense);
  const program = await engine.load(graph);
  const tensors = Object.fromEntries(
    Object.entries(dense).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]),
  );
  const found = await program.run(tensors);
  program.release();
  for (const [name, want] of Object.entries(expected)) {
    const error = distance(found[name]?.data ?? [], want.data);
    assert.ok(error <= tolerance, `${name}: relative error ${error}`);
  }
}

/** Every sample of every op, forward and gradient, on an engine against the f64 reference. */
export function testOps(name: string, engine: () => Engine, skip: string | false = false): void {
  for (const op of ops) {
    for (const sample of op.samples?.() ?? []) {
      const feeds = Object.fromEntries(
        sample.inputs.flatMap((operand, i): [string, Dense][] => (operand ? [[`x${i}`, operand]] : [])),
      );
      const tolerance = sample.tolerance ?? 3e-6;
      test(`${op.name}, ${sample.name}: ${name} against the reference`, { skip }, async () => {
        const { outputs } = applySample(op, sample);
        await compare(engine(), Object.fromEntries(outputs.map((output, i) => [`y${i}`, output])), feeds, tolerance);
      });
      if (op.onnxInPlace) {
        test(`${op.name}, ${sample.name}: ${name}, written in place, against the reference`, { skip }, async () => {
          const { outputs } = applySample(op, sample);
          const pairs = Object.entries(op.onnxInPlace ?? {}).map(([output, operand]) => [`y${output}`, `x${operand}`]);
          const named = Object.fromEntries(outputs.map((output, i) => [`y${i}`, output]));
          await compare(engine(), named, feeds, tolerance, Object.fromEntries(pairs));
        });
      }
      if (op.vjp === 'nondifferentiable' || sample.skipGradient !== undefined) continue;
      test(`${op.name}, ${sample.name}: gradient on ${name} against the reference`, { skip }, async () => {
        const { outputs, leaves } = applySample(op, sample);
        const wrt = differentiable(leaves);
        if (wrt.length === 0) return;
        const y = at(outputs, 0);
        const seed = input('dy', 'f32', y.type.shape);
        const found = vjp([[y, seed]], wrt);
        const named = Object.fromEntries(found.map((g, i) => [`g${i}`, g]));
        await compare(engine(), named, { ...feeds, dy: normal(y.type.shape, 99) }, tolerance);
      });
    }
  }
}
