import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradients, type Params } from '../../src/ir/grad.ts';
import { buildGraph, input, parameter, type Value } from '../../src/ir/graph.ts';
import { embedding } from '../../src/ir/ops/embedding.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { slice } from '../../src/ir/ops/slice.ts';
import { tokenLogprobs } from '../../src/ir/ops/tokenLogprobs.ts';
import { perExampleGradientNorms, perExampleGradients } from '../../src/ir/perExample.ts';
import { makeEmissions } from '../../src/nn/emissions.ts';
import { openModel } from '../../src/loop/model.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { evaluateExactly, fixture, relativeError } from '../parity.ts';
import { fastEngines } from '../runtime/engines.ts';

const [batch, time] = [3, 6];
const ids = tensor('i32', [batch, time], [3, 9, 4, 1, 7, 2, 8, 8, 1, 0, 5, 6, 2, 7, 1, 8, 2, 8]);
const positions = (rows: number) =>
  tensor(
    'i32',
    [rows, time],
    Array.from({ length: rows * time }, (_, i) => i % time),
  );

/** A small Llama with LoRA on all its linears, and its losses [rows] under given factors. */
async function open(engine: Engine) {
  const loaded = await openModel({ model: fixture('models/default'), adapter: fixture('lora/all-linear'), engine });
  const { model, store } = loaded;
  const adapter = loaded.attached?.adapter ?? assert.fail();
  const leaves = new Map(
    [...model.parameters, ...adapter.parameters].map(({ name, shape }) => [name, parameter(name, shape)]),
  );
  const leaf = (name: string): Value => leaves.get(name) ?? assert.fail(name);
  const placesOf = new Map([1, batch].map((rows) => [rows, input(`positions of ${rows}`, 'i32', [rows, time])]));
  const lossesOf =
    (tokens: Value, rows: number) =>
    (factors: Params): Value => {
      const param = (name: string): Value => factors[name] ?? leaf(name);
      const { hidden } = model.hidden({
        param,
        ids: tokens,
        positions: placesOf.get(rows) ?? assert.fail(),
        segments: null,
        positionLimit: time,
        sites: adapter.sites({ param, emissions: makeEmissions() }),
      });
      const states = reshape(slice(hidden, 1, 0, time - 1), [rows * (time - 1), model.hiddenSize]);
      const targets = reshape(slice(tokens, 1, 1, time), [rows * (time - 1)]);
      return sum(reshape(tokenLogprobs(states, param(model.head), targets), [rows, time - 1]), [1]);
    };
  const factors = Object.fromEntries(adapter.parameters.map(({ name }) => [name, leaf(name)]));
  return { loaded, store, factors, lossesOf };
}

for (const engine of fastEngines) {
  test(`${engine.name}: gradients of each example, and their norms, are what a loop over the examples finds`, async () => {
    const { loaded, store, factors, lossesOf } = await open(engine);
    const all = input('ids', 'i32', [batch, time]);
    const losses = lossesOf(all, batch);
    const each = perExampleGradients(losses, factors, batch);
    const names = Object.keys(factors);
    const feeds = {
      ids,
      'positions of 3': positions(batch),
      'positions of 1': positions(1),
      row: tensor('i32', [1], [0]),
    };
    const once = buildGraph({ ...each, norms: perExampleGradientNorms(losses, factors, batch) });
    const program = await loaded.programs.get('each', () => once);
    const found = await program.run({ ids, 'positions of 3': positions(batch) });
    const expected = await evaluateExactly(once, feeds, store);

    const chosen = embedding(all, input('row', 'i32', [1]));
    const summed = sum(lossesOf(chosen, 1)(factors));
    const single = gradients(summed, Object.values(factors));
    const one = buildGraph(Object.fromEntries(names.map((name, i) => [name, single[i] as Value])));
    for (let row = 0; row < batch; row++) {
      const alone = await evaluateExactly(one, { ...feeds, row: tensor('i32', [1], [row]) }, store);
      let square = 0;
      for (const name of names) {
        const want = alone[name]?.data ?? assert.fail(name);
        const part = (data: ArrayLike<number> | undefined) =>
          Array.from(data ?? []).slice(row * want.length, (row + 1) * want.length);
        assert.ok(relativeError(part(expected[name]?.data), want) < 1e-12, `${name} of example ${row}`);
        assert.ok(relativeError(part(found[name]?.data), want) < 2e-5, `${name} of example ${row} on ${engine.name}`);
        for (const value of want) square += value * value;
      }
      const norm = expected['norms']?.data[row] ?? Number.NaN;
      assert.ok(Math.abs(norm - Math.sqrt(square)) < 1e-10 * norm, `norm ${row}: ${norm}`);
      assert.ok(Math.abs((found['norms']?.data[row] ?? 0) - norm) < 1e-5 * norm);
    }
    await loaded.close();
  });
}

test('losses of another shape are refused', () => {
  const w = parameter('w', [4]);
  assert.throws(
    () => perExampleGradients(({ w: copies }) => sum(copies as Value), { w }, 2),
    /perExampleGradients: expected losses f32\[2\] but found f32\[\]/,
  );
  assert.throws(
    () => perExampleGradientNorms(() => input('l', 'f32', [2]), {}, 2),
    /expected parameters but found none/,
  );
});
