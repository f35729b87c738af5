import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { vjp } from '../../../src/ir/grad.ts';
import { buildGraph, type Graph, input } from '../../../src/ir/graph.ts';
import { vocabularyStatistics } from '../../../src/ir/index.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { planGraph } from '../../../src/runtime/native/plan.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { distance } from '../opCases.ts';
import { bf16Sets, engineOf, found, instructionSets } from './engines.ts';

// More tokens than the kernels take at once.
const [rows, tokens, width] = [9, 4100, 24];

/** Log-probabilities and what training a head that is also trained, or the head alone, asks of them. */
function gradients(wanted: readonly ('logprobs' | 'dHidden' | 'dHead')[]): Graph {
  const [hidden, head] = [input('hidden', 'f32', [rows, width]), input('head', 'f32', [tokens, width])];
  const { logprobs } = vocabularyStatistics({ hidden, head, scale: 0.5 }, ['logprobs'], {
    targets: input('targets', 'i32', [rows]),
  });
  const [dHidden, dHead] = vjp([[logprobs, input('weights', 'f32', [rows])]], [hidden, head]);
  const all = { logprobs, dHidden: dHidden ?? logprobs, dHead: dHead ?? logprobs };
  return buildGraph(Object.fromEntries(wanted.map((name) => [name, all[name]])));
}

const feeds = {
  hidden: normal([rows, width], 1),
  head: normal([tokens, width], 2),
  targets: { dtype: 'i32', shape: [rows], data: Float64Array.from({ length: rows }, (_, n) => (n * 511) % tokens) },
  weights: normal([rows], 3),
} as const;

test("the head's gradient takes the softmax that the log-probabilities were made of", async () => {
  const { steps } = await planGraph(gradients(['logprobs', 'dHidden', 'dHead']));
  const kernels = steps.flatMap((step) => (step.kind === 'kernel' ? [step.kernel] : []));
  assert.deepEqual(
    kernels.filter((name) => name.startsWith('vocabulary')),
    ['vocabularyLogprobs', 'vocabularyHeadGrad'],
  );
});

for (const set of [...instructionSets, ...bf16Sets]) {
  const bound = bf16Sets.includes(set) ? 2 ** -6 : 3e-6;
  const open = engineOf(set);
  test(
    `${set}: log-probabilities and both gradients over several pieces of the vocabulary`,
    { skip: found.missing },
    async () => {
      for (const wanted of [['logprobs', 'dHidden', 'dHead'], ['dHead']] as const) {
        const graph = gradients(wanted);
        const expected = evaluate(graph, feeds);
        const program = await open().load(graph);
        const tensors = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
          name,
          tensor(dtype, shape, data),
        ]);
        const outputs = await program.run(Object.fromEntries(tensors) as Parameters<typeof program.run>[0]);
        program.release();
        for (const name of wanted) {
          const error = distance(outputs[name]?.data ?? [], expected[name]?.data ?? []);
          assert.ok(error < bound, `${wanted.join()}, ${name}: ${error}`);
        }
      }
    },
  );
}
