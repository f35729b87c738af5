import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { checkpoint, checkpointOp } from '../../src/ir/checkpoint.ts';
import { normal } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { at, buildGraph, input, topologicalOrder, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { exp } from '../../src/ir/ops/exp.ts';
import { keepMask } from '../../src/ir/ops/keepMask.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { tanh } from '../../src/ir/ops/tanh.ts';
import { where } from '../../src/ir/ops/where.ts';
import { verify } from '../../src/ir/verify.ts';
import type { Dense } from '../../src/ir/types.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { lower } from '../../src/runtime/onnx/lower.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { relativeError } from '../parity.ts';

const engine = ortEngine({ threads: 2 });
after(() => engine.close());

const x = input('x', 'f32', [3, 4]);
const w = input('w', 'f32', [4, 4]);
const c = input('c', 'f32', [4]);
const feeds: Record<string, Dense> = { x: normal([3, 4], 1), w: normal([4, 4], 2), c: normal([4], 3) };

type Block = (f: (...xs: readonly Value[]) => Value) => (...xs: readonly Value[]) => Value;
const plain: Block = (f) => f;
const nested: Block = (f) => checkpoint(checkpoint(f));

/** Two layers that close over w and over a computed value of c. */
function network(block: Block): Value {
  const shift = exp(c);
  const layer = block((h) => add(tanh(linear(h, w)), mul(h, shift)));
  return sum(mul(layer(layer(x)), layer(x)));
}

const outputsOf = (loss: Value, wrt: readonly Value[]): Record<string, Value> => ({
  loss,
  ...Object.fromEntries(gradients(loss, wrt).map((g, i) => [`g${i}`, g])),
});

for (const [name, block] of [
  ['checkpoint', checkpoint],
  ['a checkpoint in a checkpoint', nested],
] as const) {
  test(`${name} changes no value and no gradient, of captured values neither`, () => {
    const [expected, found] = [plain, block].map((each) => {
      const graph = buildGraph(outputsOf(network(each), [x, w, c]));
      verify(graph);
      return evaluate(graph, feeds);
    });
    for (const key of ['loss', 'g0', 'g1', 'g2']) {
      assert.ok(relativeError(found?.[key]?.data ?? [], expected?.[key]?.data ?? []) < 1e-14, key);
    }
    assert.notDeepEqual(expected?.['g2']?.data, new Float64Array(4));
  });

  test(`${name} gives the same on ONNX Runtime`, async () => {
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([key, { dtype, shape, data }]) => [key, tensor(dtype, shape, data)]),
    );
    const [expected, found] = await Promise.all(
      [plain, block].map(async (each) => {
        const program = await engine.load(buildGraph(outputsOf(network(each), [x, w, c])));
        const outputs = await program.run(tensors);
        program.release();
        return outputs;
      }),
    );
    for (const key of ['loss', 'g0', 'g1', 'g2']) {
      assert.ok(relativeError(found?.[key]?.data ?? [], expected?.[key]?.data ?? []) < 1e-6, key);
    }
  });
}

test('the forward pass is computed again after the loss, not merged with the first', async () => {
  const count = async (block: Block): Promise<number> => {
    const { model } = await lower(buildGraph(outputsOf(network(block), [x])));
    return model.nodes.filter(({ opType }) => opType === 'Tanh').length;
  };
  assert.equal(await count(plain), 3 - 1, 'equal layers of equal operands are one');
  assert.ok((await count(checkpoint)) > (await count(plain)));
});

test('a function that uses none of its operands, or hands one through, needs no checkpoint', () => {
  const held = exp(c);
  assert.equal(checkpoint(() => held)(x), held);
  assert.equal(
    topologicalOrder([checkpoint(() => held)(x)]).some(({ op }) => op === checkpointOp),
    false,
  );
  const same = checkpoint((h) => h)(x);
  const graph = buildGraph({ same, g: at(gradients(sum(mul(same, same)), [x]), 0) });
  assert.deepEqual(
    graph.leaves.map(({ name }) => name),
    ['x'],
  );
  assert.deepEqual(evaluate(graph, { x: feeds['x'] as Dense })['same'], feeds['x']);
});

test('random masks inside are the same when computed again', async () => {
  const leaves = {
    key: input('key', 'i32', [2]),
    examples: input('examples', 'i32', [1, 3]),
    positions: input('positions', 'i32', [1, 3]),
  };
  const h = input('h', 'f32', [1, 3, 4]);
  const drop = (operand: Value): Value =>
    where(
      keepMask(leaves.key, leaves.examples, leaves.positions, { width: 4, keep: 0.5, stream: 3 }),
      tanh(operand),
      0,
    );
  const loss = (block: Block): Value => sum(exp(block((operand) => drop(operand))(h)));
  const tensors = {
    key: tensor('i32', [2], [5, 6]),
    examples: tensor('i32', [1, 3], [0, 0, 0]),
    positions: tensor('i32', [1, 3], [0, 1, 2]),
    h: tensor('f32', [1, 3, 4], normal([1, 3, 4], 4).data),
  };
  const [expected, found] = await Promise.all(
    [plain, checkpoint].map(async (block) => {
      const program = await engine.load(buildGraph(outputsOf(loss(block), [h])));
      const outputs = await program.run(tensors);
      program.release();
      return outputs;
    }),
  );
  assert.deepEqual(found, expected);
  const zeros = Array.from(found?.['g0']?.data ?? []).filter((value) => value === 0).length;
  assert.ok(zeros > 0 && zeros < 12, `${zeros} dropped`);
});
