import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input, parameter, type Value } from '../../src/ir/graph.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { normal } from '../../src/ir/dense.ts';
import type { Dense } from '../../src/ir/types.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { plainSites, type Sites, wrapSites } from '../../src/nn/sites.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';

const model = languageModel({
  model_type: 'llama',
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  tie_word_embeddings: true,
});

function build(
  sites: (param: (name: string) => Value) => Sites,
  recompute = false,
): { hidden: Value; param: (name: string) => Value } {
  const shapes = new Map(model.parameters.map(({ name, shape }) => [name, shape]));
  const made = new Map<string, Value>();
  const param = (name: string): Value => {
    const known = made.get(name) ?? parameter(name, shapes.get(name) ?? assert.fail(name));
    made.set(name, known);
    return known;
  };
  const feed = (name: string): Value => input(name, 'i32', [1, 3]);
  const { hidden } = model.hidden({
    param,
    ids: feed('ids'),
    positions: feed('positions'),
    segments: null,
    positionLimit: 3,
    sites: sites(param),
    recompute,
  });
  return { hidden, param };
}

function run(output: Value): Float64Array {
  const graph = buildGraph({ y: output });
  const feeds = Object.fromEntries(
    graph.leaves.map(({ name, type }, seed): [string, Dense] => [
      name,
      type.dtype === 'i32' ? { ...type, data: Float64Array.of(0, 1, 2) } : normal(type.shape, name.length + seed, 0.3),
    ]),
  );
  return evaluate(graph, feeds)['y']?.data ?? assert.fail();
}

test('wraps nest: the base of the outer is the inner, and plain sites change nothing', () => {
  const plain = run(build(() => plainSites).hidden);
  const doubled: Partial<Sites> = { mlp: (operands, base) => mul(base(operands), 2) };
  const halved: Partial<Sites> = { mlp: (operands, base) => mul(base(operands), 0.5) };
  const nested = run(build(() => wrapSites(doubled, wrapSites(halved))).hidden);
  nested.forEach((value, i) => assert.ok(Math.abs(value - (plain[i] ?? 0)) < 1e-12));
  const once = run(build(() => wrapSites(doubled)).hidden);
  assert.ok(once.some((value, i) => Math.abs(value - (plain[i] ?? 0)) > 1e-6));
});

test('recompute keeps the values with wraps that close over parameters', () => {
  const scale = parameter('scale', [8]);
  const wraps = (): Sites => wrapSites({ block: (operands, base) => mul(base(operands), scale) });
  const [kept, again] = [build(wraps), build(wraps, true)].map(({ hidden }) =>
    run(gradients(sum(hidden), [scale])[0] ?? assert.fail()),
  );
  kept?.forEach((value, i) => assert.ok(Math.abs(value - (again?.[i] ?? 0)) < 1e-9));
});
