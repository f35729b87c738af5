import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { keepMask } from '../../src/ir/ops/keepMask.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { matmul } from '../../src/ir/ops/matmul.ts';
import { where } from '../../src/ir/ops/where.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { f32Source } from '../../src/runtime/tensor-source.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { engines } from './engines.ts';

for (const engine of engines) {
  test(`${engine.name}: a prebound run reads and writes the same memory every time, by either call`, async () => {
    const store = weightStore();
    store.add(f32Source('w', [2, 2], Float32Array.of(1, 2, 3, 4)));
    const program = await engine.load(buildGraph({ y: linear(input('x', 'f32', [1, 2]), parameter('w', [2, 2])) }));
    program.bind('w', store.get('w'));
    const own = tensor('f32', [1, 2], [0, 0]);
    const bound = await program.prebind({ outputs: { y: own } });
    assert.deepEqual(Object.keys(bound.inputs), ['x']);
    const x = bound.inputs['x']?.data ?? assert.fail();
    x.set([3, 4]);
    bound.runSync();
    assert.deepEqual([...own.data], [11, 25]);
    x[0] = 5;
    await bound.run();
    assert.deepEqual([...own.data], [13, 31]);
    assert.equal(bound.outputs['y'], own);
    const given = tensor('f32', [1, 2], [1, 1]);
    const other = await program.prebind({ inputs: { x: given } });
    other.runSync();
    assert.deepEqual([...(other.outputs['y']?.data ?? [])], [3, 7]);
    assert.equal(other.inputs['x'], given);
    program.release();
  });

  test(`${engine.name}: state goes from run to run in an input's memory, and weights get new versions`, async () => {
    const [state, total] = [input('state', 'f32', [2, 2]), parameter('total', [2, 2])];
    const turned = matmul(state, input('turn', 'f32', [2, 2]));
    const graph = buildGraph(
      { 'new state': turned, 'new total': add(total, state) },
      { inPlace: { 'new state': 'state', 'new total': 'total' } },
    );
    const program = await engine.load(graph);
    const member = at(weightStore().allocate('group', [{ name: 'total', shape: [2, 2] }]).members, 0);
    program.bind('total', member);
    const bound = await program.prebind();
    assert.equal(bound.outputs['new state'], bound.inputs['state']);
    bound.inputs['state']?.data.set([1, 0, 0, 1]);
    bound.inputs['turn']?.data.set([0, 1, -1, 0]);
    bound.runSync();
    await bound.run();
    bound.runSync();
    assert.deepEqual(
      Array.from(bound.inputs['state']?.data ?? [], (v) => v + 0),
      [0, -1, 1, 0],
    );
    assert.deepEqual([...(await member.f32())], [0, 1, -1, 0], 'the sum of the first three states');
    assert.equal(member.version(), 3);
    program.release();
  });

  test(`${engine.name}: masks are drawn anew by either call`, async () => {
    const [x, positions] = [input('x', 'f32', [1, 4, 8]), input('positions', 'i32', [1, 4])];
    const mask = keepMask(input('key', 'i32', [2]), positions, positions, { width: 8, keep: 0.5, stream: 1 });
    const program = await engine.load(buildGraph({ y: where(mask, x, 0) }));
    const bound = await program.prebind();
    bound.inputs['x']?.data.fill(1);
    bound.inputs['positions']?.data.set([0, 1, 2, 3]);
    const draw = async (key: number, sync: boolean): Promise<number[]> => {
      bound.inputs['key']?.data.set([key, key]);
      if (sync) bound.runSync();
      else await bound.run();
      return [...(bound.outputs['y']?.data ?? [])];
    };
    const first = await draw(1, true);
    assert.ok(first.includes(0) && first.some((value) => value > 0));
    assert.notDeepEqual(await draw(2, true), first);
    assert.deepEqual(await draw(1, false), first);
    program.release();
  });

  test(`${engine.name}: wrong memory, a missing weight and what was released are refused; runs never overlap`, async () => {
    const graph = buildGraph({ y: linear(input('x', 'f32', [1, 2]), parameter('w', [2, 2])) });
    const program = await engine.load(graph);
    await assert.rejects(program.prebind(), /Expected weights for w but none are bound/);
    const store = weightStore();
    store.add(f32Source('w', [2, 2], Float32Array.of(1, 2, 3, 4)));
    program.bind('w', store.get('w'));
    const wrong = tensor('f32', [2], [0, 0]);
    await assert.rejects(program.prebind({ inputs: { x: wrong } }), /f32\[1, 2\] for input x but found f32\[2\]/);
    await assert.rejects(program.prebind({ inputs: { z: wrong } }), /Expected inputs x but found z/);
    await assert.rejects(program.prebind({ outputs: { z: wrong } }), /Expected outputs y but found z/);
    const [bound, other] = [await program.prebind(), await program.prebind()];
    const running = other.run();
    assert.throws(() => bound.runSync(), /idle engine but runs are under way: 1; await them first/);
    await running;
    bound.runSync();
    bound.release();
    bound.release();
    assert.throws(() => bound.runSync(), /prebound run but it was released/);
    other.runSync();
    program.release();
    await assert.rejects(other.run(), /loaded program but it was released/);
    await assert.rejects(program.prebind(), /loaded program but it was released/);
  });
}
