import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as ir from '../../src/ir/index.ts';
import { at } from '../../src/ir/graph.ts';
import type { Engine, Tensors } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';

const engines: readonly Engine[] = [referenceEngine(), ortEngine({ threads: 1 })];
after(() => engines.forEach((engine) => engine.close()));

const count = 4;
const corrections = (step: number) => [1 - 0.9 ** step, 1 - 0.999 ** step] as const;

/** Regression by tanh(W x): loss, gradient and AdamW in place, `x` and the corrections of its own in every update. */
function update(): ir.Graph {
  const w = ir.parameter('w', [2, 3]);
  const [m, v] = [ir.parameter('m', [2, 3]), ir.parameter('v', [2, 3])];
  const error = ir.sub(ir.tanh(ir.linear(ir.input('x', 'f32', [5, 3]), w)), ir.input('y', 'f32', [5, 2]));
  const loss = ir.mean(ir.mul(error, error));
  const [gradient] = ir.gradients(loss, [w]);
  const scalar = (name: string) => ir.input(name, 'f32', []);
  const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };
  const next = ir.adamw(
    { theta: w, m, v },
    gradient ?? w,
    scalar('rate'),
    [scalar('correction1'), scalar('correction2')],
    options,
  );
  const outputs = { loss, 'new w': next.theta, 'new m': next.m, 'new v': next.v };
  return ir.buildGraph(outputs, { inPlace: { 'new w': 'w', 'new m': 'm', 'new v': 'v' } });
}

const values = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i));

async function weights() {
  const group = weightStore().allocate(
    'all',
    ['w', 'm', 'v'].map((name) => ({ name, shape: [2, 3] })),
  );
  (await at(group.members, 0).f32()).set(values(6, 3));
  return group;
}

for (const engine of engines) {
  test(`${engine.name}: updates in one program are the same as one after another`, async () => {
    const xs = values(count * 15, 1);
    const shared = { y: tensor('f32', [5, 2], values(10, 2)), rate: tensor('f32', [], [0.1]) };
    const each = await weights();
    const single = await engine.load(update());
    for (const member of each.members) single.bind(member.name, member);
    const losses: number[] = [];
    for (let step = 0; step < count; step++) {
      const [correction1, correction2] = corrections(step + 1);
      const feeds: Tensors = {
        ...shared,
        x: tensor('f32', [5, 3], xs.subarray(15 * step, 15 * (step + 1))),
        correction1: tensor('f32', [], [correction1]),
        correction2: tensor('f32', [], [correction2]),
      };
      losses.push((await single.run(feeds))['loss']?.data[0] ?? Number.NaN);
    }
    const together = await weights();
    const repeated = await engine.load(ir.repeatUpdates(update(), count, ['x', 'correction1', 'correction2']));
    for (const member of together.members) repeated.bind(member.name, member);
    const scalars = (which: 0 | 1) => Array.from({ length: count }, (_, step) => corrections(step + 1)[which]);
    const found = await repeated.run({
      ...shared,
      x: tensor('f32', [count, 5, 3], xs),
      correction1: tensor('f32', [count], scalars(0)),
      correction2: tensor('f32', [count], scalars(1)),
    });
    const close = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
      Array.from(a).every((value, i) => Math.abs(value - (b[i] ?? Number.NaN)) < 1e-6);
    assert.deepEqual(found['loss']?.shape, [count]);
    assert.ok(close(found['loss']?.data ?? [Number.NaN], losses), `${losses.join()} and ${found['loss']?.data.join()}`);
    assert.ok((losses[0] ?? 0) > 1.5 * (losses.at(-1) ?? Infinity), `it learns: ${losses.join()}`);
    for (const [i, member] of together.members.entries())
      assert.ok(close(await member.f32(), await at(each.members, i).f32()), member.name);
    single.release();
    repeated.release();
  });
}

test('what cannot be repeated is refused by name', () => {
  assert.throws(() => ir.repeatUpdates(update(), 0), /count of at least 1 but found 0/);
  assert.throws(() => ir.repeatUpdates(update(), 2, ['z']), /one of x, y, rate.* as fed per update but found z/);
  assert.throws(() => ir.repeatUpdates(update(), 2, ['w']), /as fed per update but found w/);
});
