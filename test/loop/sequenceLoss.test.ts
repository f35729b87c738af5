import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeBatches } from '../../src/data/batches.ts';
import { examplesOf } from '../../src/data/examples.ts';
import { openModel } from '../../src/loop/model.ts';
import { gradientName } from '../../src/loop/programs.ts';
import { languageTask } from '../../src/loop/task.ts';
import { ift } from '../../src/objectives/ift.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import type { Tensors } from '../../src/runtime/engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { evaluateExactly, fixture, readFixture } from '../parity.ts';

interface Fixture {
  readonly ids: readonly number[][];
  readonly mask: readonly number[][];
  readonly cases: readonly {
    readonly lambda: number;
    readonly gamma: number;
    readonly throughWeights: boolean;
    readonly loss: number;
    readonly gradients: Readonly<Record<string, readonly [norm: number, product: number]>>;
  }[];
}

const { ids, mask, cases } = readFixture('preferences/ift.json') as Fixture;
const engine = ortEngine({ threads: 1 });
after(() => engine.close());

const examples = examplesOf(
  ids.map((row, index) => ({ index, ids: Int32Array.from(row), mask: Uint8Array.from(mask[index] ?? []) })),
);
const batch = makeBatches(examples, { batchSize: 3, padMultiple: 4, counts: 'sequences' }).at(0, 0);

for (const { lambda, gamma, throughWeights, loss: expected, gradients } of cases) {
  const name = `λ ${lambda}, γ ${gamma}${throughWeights ? '' : ', weights without gradient'}`;
  test(`IFT with ${name}: loss and gradients are the official code's, in f64 and on ONNX Runtime`, async () => {
    assert.equal(batch.supervisedTokens, 3, 'sequences are counted');
    const loaded = await openModel({
      model: fixture('models/chat'),
      adapter: fixture('preferences/adapter'),
      engine,
    });
    const { adapter } = loaded.attached ?? assert.fail();
    const task = languageTask(loaded, ift({ lambda, gamma, throughWeights }), { packing: false, loss: 'auto' });
    assert.equal(task.counts, 'sequences');
    const shape = { batch: batch.batch, length: batch.length, packed: false };
    for (const recompute of [false, true]) {
      const graph = task.trainGraph(adapter, shape, { accumulate: false, recompute });
      const feeds: Tensors = {
        ...task.feeds(batch, graph),
        normalizer: tensor('f32', [], [1 / batch.supervisedTokens]),
      };
      const program = await loaded.programs.get(`train ${recompute}`, () => graph);
      for (const found of [await program.run(feeds), await evaluateExactly(graph, feeds, loaded.store)]) {
        const loss = found['loss']?.data[0] ?? NaN;
        assert.ok(Math.abs(loss - expected) < 1e-5 * expected, `${loss} against ${expected}`);
        for (const { name: own } of adapter.parameters) {
          const numbers = Array.from(found[gradientName(own)]?.data ?? assert.fail(own));
          const [norm, product] = gradients[own] ?? assert.fail(own);
          const ownNorm = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
          const ownProduct = numbers.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
          assert.ok(Math.abs(ownNorm - norm) < 1e-4 * norm, `${own}: norm ${ownNorm} against ${norm}`);
          assert.ok(Math.abs(ownProduct - product) < 1e-4 * norm, `${own}: ${ownProduct} against ${product}`);
        }
      }
    }
    await loaded.close();
  });
}

test('packed rows are refused: each holds one sequence', async () => {
  const loaded = await openModel({ model: fixture('models/chat'), engine });
  const objective = ift({ lambda: 0.2, gamma: 0.95, throughWeights: true });
  assert.throws(
    () => languageTask(loaded, objective, { packing: true, loss: 'auto' }),
    /data\.packing: ift reads one sequence in each row/,
  );
  await loaded.close();
});
