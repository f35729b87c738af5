import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input } from '../../src/ir/graph.ts';
import { exp } from '../../src/ir/ops/exp.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { tap, tapsOf, withPatches, withTaps } from '../../src/ir/taps.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { engines } from '../runtime/engines.ts';

const build = () => {
  const x = input('x', 'f32', [2]);
  const loss = sum(mul(tap(exp(x), 'middle'), 3));
  return buildGraph({ loss, slope: gradients(loss, [x])[0] ?? loss });
};

for (const engine of engines) {
  test(`${engine.name}: a tap reads an intermediate value and changes nothing`, async () => {
    const program = await engine.load(withTaps(build(), ['middle']));
    const { middle, loss } = await program.run({ x: tensor('f32', [2], [0, 1]) });
    assert.ok(Math.abs((middle?.data[1] ?? 0) - Math.E) < 1e-6);
    assert.ok(Math.abs((loss?.data[0] ?? 0) - 3 * (1 + Math.E)) < 1e-5);
  });

  test(`${engine.name}: a patch replaces it, and what came before is no longer read`, async () => {
    const graph = withPatches(build(), ['middle']);
    const program = await engine.load(buildGraph({ loss: graph.outputs.get('loss') ?? assert.fail() }));
    const { loss } = await program.run({ middle: tensor('f32', [2], [10, 20]) });
    assert.equal(loss?.data[0], 90);
  });
}

test('an unknown name and a name for two values are refused by name', () => {
  assert.throws(() => withTaps(build(), ['elsewhere']), /among middle but found elsewhere/);
  const x = input('x', 'f32', []);
  assert.throws(() => tapsOf(buildGraph({ y: tap(exp(x), 'a'), z: tap(x, 'a') })), /two/);
});
