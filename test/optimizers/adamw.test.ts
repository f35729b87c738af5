import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { dense } from '../../src/ir/dense.ts';
import { updateGraph, updateLeaves } from '../../src/loop/updatePrograms.ts';
import { adamw } from '../../src/optimizers/adamw.ts';
import { chain } from '../../src/optimizers/optimizer.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { readFixture } from '../parity.ts';

interface Run {
  learningRate: number;
  betas: [number, number];
  epsilon: number;
  weightDecay: number;
  parameters: number[][];
  expAvg: number[][];
  expAvgSq: number[][];
}

const { start, gradients, runs } = readFixture('optim/adamw.json') as {
  start: number[];
  gradients: number[][];
  runs: Run[];
};
const ort = ortEngine({ threads: 2 });
after(() => ort.close());

const ruleOf = ({ betas: [beta1, beta2], epsilon, weightDecay }: Run) =>
  adamw({ beta1, beta2, eps: epsilon, weightDecay });

/** Each element against the largest magnitude that it has had: the columns differ by nine orders, and m passes zero. */
function check(
  found: ArrayLike<number>,
  expected: readonly number[][],
  step: number,
  tolerance: number,
  what: string,
): void {
  expected[step]?.forEach((want, i) => {
    const scale = Math.max(1e-30, ...expected.slice(0, step + 1).map((row) => Math.abs(row[i] ?? 0)));
    const difference = Math.abs((found[i] as number) - want);
    assert.ok(difference <= tolerance * scale, `step ${step + 1}, ${what}, element ${i}: ${found[i]} against ${want}`);
  });
}

for (const run of runs) {
  const name = `betas ${run.betas.join(', ')}, decay ${run.weightDecay}`;
  // β and 1 - β are f32 constants of the program, as in torch's f32 kernels; those of the last run are exact in f32.
  const exact = run.betas[1] === 0.5;
  test(`AdamW with ${name} follows torch.optim.AdamW in f64`, () => {
    const rule = ruleOf(run);
    const graph = updateGraph(chain(rule), [{ shape: [4], decays: true }]);
    let state = { params: start, m: [0, 0, 0, 0], v: [0, 0, 0, 0] };
    gradients.forEach((gradient, i) => {
      const scalars = Object.entries(rule.scalars(i + 1, run.learningRate)).map(
        ([key, value]) => [key, dense('f32', [], [value])] as const,
      );
      const outputs = evaluate(graph, {
        [updateLeaves.params(0)]: dense('f32', [4], state.params),
        [updateLeaves.gradients(0)]: dense('f32', [4], gradient),
        [updateLeaves.slot('m', 0)]: dense('f32', [4], state.m),
        [updateLeaves.slot('v', 0)]: dense('f32', [4], state.v),
        ...Object.fromEntries(scalars),
      });
      const values = (output: string): number[] => Array.from(outputs[output]?.data ?? []);
      state = {
        params: values(`new ${updateLeaves.params(0)}`),
        m: values(`new ${updateLeaves.slot('m', 0)}`),
        v: values(`new ${updateLeaves.slot('v', 0)}`),
      };
      check(state.m, run.expAvg, i, exact ? 1e-12 : 2e-7, 'm');
      check(state.v, run.expAvgSq, i, exact ? 1e-12 : 2e-7, 'v');
      check(state.params, run.parameters, i, exact ? 1e-9 : 2e-7, 'parameters');
    });
  });

  test(`AdamW with ${name} follows torch.optim.AdamW in place on ONNX Runtime`, async () => {
    const rule = ruleOf(run);
    const store = weightStore();
    const program = await ort.load(updateGraph(chain(rule), [{ shape: [4], decays: true }]));
    const arrays = new Map<string, Float32Array>();
    for (const leaf of [
      updateLeaves.params(0),
      updateLeaves.gradients(0),
      updateLeaves.slot('m', 0),
      updateLeaves.slot('v', 0),
    ]) {
      const [member] = store.allocate(`${leaf} of the test`, [{ name: leaf, shape: [4] }]).members;
      assert.ok(member);
      program.bind(leaf, member);
      arrays.set(leaf, await member.f32());
    }
    const of = (leaf: string): Float32Array => arrays.get(leaf) ?? assert.fail(leaf);
    of(updateLeaves.params(0)).set(start);
    for (const [i, gradient] of gradients.entries()) {
      of(updateLeaves.gradients(0)).set(gradient);
      const scalars = Object.entries(rule.scalars(i + 1, run.learningRate)).map(
        ([key, value]) => [key, tensor('f32', [], [value])] as const,
      );
      await program.run(Object.fromEntries(scalars));
      check(of(updateLeaves.slot('m', 0)), run.expAvg, i, 1e-6, 'm');
      check(of(updateLeaves.slot('v', 0)), run.expAvgSq, i, 1e-6, 'v');
      check(of(updateLeaves.params(0)), run.parameters, i, 2e-6, 'parameters');
    }
    program.release();
  });
}
