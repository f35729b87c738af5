import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { at } from '../../src/ir/graph.ts';
import { updateGraph, updateLeaves } from '../../src/loop/updatePrograms.ts';
import { makeOptimizer, type OptimizerConfig, optimizerUnits, ruleUnits } from '../../src/optimizers/index.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { readFixture } from '../parity.ts';

const { shapes, learningRate, start, gradients, runs } = readFixture('optim/rules.json') as {
  shapes: number[][];
  learningRate: number;
  start: number[][];
  gradients: number[][][];
  runs: { config: { type: OptimizerConfig['type'] }; parameters: number[][][] }[];
};
const engines: readonly Engine[] = [referenceEngine(), ortEngine({ threads: 2 })];
after(() => engines.forEach((engine) => engine.close()));

test('every optimizer beside AdamW, which has its own, stands in the fixture', () => {
  const found = new Set(runs.map(({ config }) => config.type));
  assert.deepEqual([...found, 'adamw'].toSorted(), Object.keys(ruleUnits).toSorted());
});

for (const engine of engines) {
  for (const { config, parameters } of runs) {
    test(`${JSON.stringify(config)} on ${engine.name} takes the steps of PyTorch's`, async () => {
      const { schema } = optimizerUnits[config.type];
      const optimizer = makeOptimizer(schema.parse({ ...config, maxGradNorm: 0 }));
      const { rule } = optimizer;
      const store = weightStore();
      const program = await engine.load(
        updateGraph(
          optimizer,
          shapes.map((shape) => ({ shape, decays: true })),
        ),
      );
      const bound = (leaf: string, shape: readonly number[]): Promise<Float32Array> => {
        const handle = at(store.allocate(`memory of ${leaf}`, [{ name: leaf, shape }]).members, 0);
        program.bind(leaf, handle);
        return handle.f32();
      };
      const memory = await Promise.all(
        shapes.map(async (shape, part) => {
          for (const slot of rule.slots)
            await bound(updateLeaves.slot(slot, part), rule.slotShape?.(slot, shape) ?? shape);
          const values = await bound(updateLeaves.params(part), shape);
          values.set(at(start, part));
          return { values, gradient: await bound(updateLeaves.gradients(part), shape) };
        }),
      );
      for (const [step, expected] of parameters.entries()) {
        memory.forEach(({ gradient }, part) => gradient.set(at(at(gradients, step), part)));
        const scalars = Object.entries(rule.scalars(step + 1, learningRate));
        await program.run(Object.fromEntries(scalars.map(([name, value]) => [name, tensor('f32', [], [value])])));
        memory.forEach(({ values }, part) =>
          at(expected, part).forEach((want, i) =>
            assert.ok(Math.abs((values[i] ?? NaN) - want) < 1e-6, `step ${step + 1}: ${values[i]} against ${want}`),
          ),
        );
      }
      program.release();
    });
  }
}
