import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { vjp } from '../../../src/ir/grad.ts';
import { buildGraph, type Graph, input } from '../../../src/ir/graph.ts';
import { attention, type AttentionOptions } from '../../../src/ir/index.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { distance } from '../opCases.ts';
import { bf16Bound } from './bf16Cases.ts';
import { bf16Sets, engineOf, found, instructionSets } from './engines.ts';

// Three blocks of queries, the last one not whole.
const [time, heads, kvHeads, width] = [150, 2, 1, 20];

const masks: Readonly<Record<string, AttentionOptions>> = {
  all: { causal: false },
  causal: { causal: true },
  'causal window': { causal: true, window: 70 },
  window: { causal: false, window: 37 },
  'causal prefix': { causal: true, prefix: input('prefix', 'i32', [1]) },
};

function attended(options: AttentionOptions): Graph {
  const q = input('q', 'f32', [1, time, heads, width]);
  const [k, v] = [input('k', 'f32', [1, time, kvHeads, width]), input('v', 'f32', [1, time, kvHeads, width])];
  const y = attention(q, k, v, options);
  const [dq = y, dk = y, dv = y] = vjp([[y, input('dy', 'f32', [1, time, heads, width])]], [q, k, v]);
  return buildGraph({ y, dq, dk, dv });
}

for (const set of [...instructionSets, ...bf16Sets]) {
  const open = engineOf(set);
  const bound = bf16Sets.includes(set) ? bf16Bound : 3e-6;
  test(`${set}: attention and its gradient over several blocks of queries`, { skip: found.missing }, async () => {
    for (const [name, options] of Object.entries(masks)) {
      const graph = attended(options);
      const feeds = Object.fromEntries(
        graph.leaves.map((leaf, i) => [
          leaf.name,
          leaf.name === 'prefix'
            ? { dtype: 'i32' as const, shape: [1], data: Float64Array.of(83) }
            : normal(leaf.type.shape, i),
        ]),
      );
      const expected = evaluate(graph, feeds);
      const program = await open().load(graph);
      const outputs = await program.run(
        Object.fromEntries(
          Object.entries(feeds).map(([leaf, { dtype, shape, data }]) => [leaf, tensor(dtype, shape, data)]),
        ),
      );
      program.release();
      for (const output of ['y', 'dq', 'dk', 'dv']) {
        const error = distance(outputs[output]?.data ?? [], expected[output]?.data ?? []);
        assert.ok(error < bound, `${name}, ${output}: ${error}`);
      }
    }
  });
}
