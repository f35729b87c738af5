import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { keepMask } from '../../src/ir/ops/keepMask.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { takeAlong } from '../../src/ir/ops/takeAlong.ts';
import type { Engine, Program, Tensors } from '../../src/runtime/engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { f32Source } from '../../src/runtime/tensor-source.ts';
import { type WeightStore, weightStore } from '../../src/runtime/weights.ts';
import { engines } from './engines.ts';

const x = tensor('f32', [1, 2], [3, 4]);

async function load(engine: Engine): Promise<{ program: Program; store: WeightStore }> {
  const store = weightStore();
  store.add(f32Source('w', [2, 2], Float32Array.of(1, 2, 3, 4)));
  const program = await engine.load(buildGraph({ y: linear(input('x', 'f32', [1, 2]), parameter('w', [2, 2])) }));
  return { program, store };
}

for (const engine of engines) {
  test(`${engine.name}: wrong runs say where, expected and found, and the program runs afterwards`, async () => {
    const { program, store } = await load(engine);
    await assert.rejects(program.run({ x }), /Expected weights for w but none are bound/);
    program.bind('w', store.get('w'));
    const wrong: readonly [RegExp, Tensors, Tensors?][] = [
      [/Expected input x f32\[1, 2\] but found none/, {}],
      [/Expected f32\[1, 2\] for input x but found f32\[2, 1\]/, { x: tensor('f32', [2, 1], [3, 4]) }],
      [/Expected f32\[1, 2\] for input x but found i32\[1, 2\]/, { x: tensor('i32', [1, 2], [3, 4]) }],
      [/Expected inputs x but found z/, { x, z: x }],
      [/Expected inputs x but found w/, { x, w: x }],
      [/Expected outputs y but found z/, { x }, { z: x }],
      [/Expected f32\[1, 2\] for output y but found f32\[2\]/, { x }, { y: tensor('f32', [2], [0, 0]) }],
    ];
    for (const [message, inputs, outputs] of wrong) {
      await assert.rejects(program.run(inputs, outputs ? { outputs } : {}), message);
      const { y } = await program.run({ x });
      assert.deepEqual([...(y?.data ?? [])], [11, 25]);
    }
    const own = tensor('f32', [1, 2], [0, 0]);
    assert.equal((await program.run({ x }, { outputs: { y: own } }))['y'], own);
    assert.deepEqual([...own.data], [11, 25]);
    program.release();
  });

  test(`${engine.name}: weights of another name or shape, and frozen ones that a program writes, are refused`, async () => {
    const { program, store } = await load(engine);
    assert.throws(() => program.bind('v', store.get('w')), /parameter of the program but found v/);
    assert.throws(() => program.bind('x', store.get('w')), /parameter of the program but found x/);
    store.add(f32Source('flat', [4], new Float32Array(4)));
    assert.throws(() => program.bind('w', store.get('flat')), /weight \[2, 2\] at w but found \[4\]/);
    const w = parameter('w', [2, 2]);
    const writing = await engine.load(buildGraph({ y: mul(w, 2) }, { inPlace: { y: 'w' } }));
    assert.throws(() => writing.bind('w', store.get('w')), /writes w but the weight is frozen/);
    const trained = at(store.allocate('group', [{ name: 'trained', shape: [2, 2] }]).members, 0);
    (await trained.f32()).set([1, 2, 3, 4]);
    writing.bind('w', trained);
    await writing.run({});
    assert.deepEqual([...(await trained.f32())], [2, 4, 6, 8]);
    assert.equal(trained.version(), 1);
    program.bind('w', trained);
    assert.deepEqual(
      [...((await program.run({ x }))['y']?.data ?? [])],
      [22, 50],
      'the other program sees the new values',
    );
    program.release();
    writing.release();
  });

  test(`${engine.name}: a poisoned weight is named at the first run and another can be bound`, async () => {
    const { program, store } = await load(engine);
    store.add(f32Source('poison', [2, 2], Float32Array.of(1, Number.NaN, 3, 4)));
    program.bind('w', store.get('poison'));
    await assert.rejects(program.run({ x }), /finite weights but found NaN in poison at element 1/);
    program.bind('w', store.get('w'));
    assert.deepEqual([...((await program.run({ x }))['y']?.data ?? [])], [11, 25]);
    program.release();
  });

  test(`${engine.name}: a released program says so, again and again, and the engine goes on`, async () => {
    const programs = engine.memory().programs;
    const { program, store } = await load(engine);
    program.bind('w', store.get('w'));
    assert.equal(engine.memory().programs, programs + 1);
    const running = program.run({ x });
    await running;
    program.release();
    program.release();
    assert.equal(engine.memory().programs, programs);
    await assert.rejects(program.run({ x }), /loaded program but it was released/);
    const { program: next, store: nextStore } = await load(engine);
    next.bind('w', nextStore.get('w'));
    assert.deepEqual([...((await next.run({ x }))['y']?.data ?? [])], [11, 25]);
    next.release();
  });

  test(`${engine.name}: an index outside fails the run and the next one works`, async () => {
    const rows = input('rows', 'f32', [2, 3]);
    const program = await engine.load(buildGraph({ y: takeAlong(rows, input('i', 'i32', [2])) }));
    const values = tensor('f32', [2, 3], [1, 2, 3, 4, 5, 6]);
    const message = engine.name !== 'ort' ? /indices in \[0, 3\) but found 3 at 1/ : /GatherElements.*[Oo]ut of range/;
    await assert.rejects(program.run({ rows: values, i: tensor('i32', [2], [0, 3]) }), message);
    const { y } = await program.run({ rows: values, i: tensor('i32', [2], [2, 0]) });
    assert.deepEqual([...(y?.data ?? [])], [3, 4]);
    program.release();
  });

  test(`${engine.name}: many runs at once are carried out one after another`, async () => {
    const total = parameter('total', [1]);
    const program = await engine.load(
      buildGraph({ y: add(total, input('by', 'f32', [1])) }, { inPlace: { y: 'total' } }),
    );
    const member = at(weightStore().allocate('group', [{ name: 'total', shape: [1] }]).members, 0);
    program.bind('total', member);
    await Promise.all(Array.from({ length: 20 }, (_, i) => program.run({ by: tensor('f32', [1], [i]) })));
    assert.equal((await member.f32())[0], 190);
    assert.equal(member.version(), 20);
    program.release();
  });

  test(`${engine.name}: a graph that breaks a rule is not loaded`, async () => {
    const graph = buildGraph({ y: mul(input('x', 'f32', [2]), 2) });
    await assert.rejects(engine.load({ ...graph, leaves: [] }), /Graph rule "leaves" is broken/);
  });
}

test('ort: a mask of computed positions cannot be filled on the host, and says so', async () => {
  const positions = input('positions', 'i32', [1, 2]);
  const mask = keepMask(input('key', 'i32', [2]), positions, add(positions, positions), {
    width: 4,
    keep: 0.5,
    stream: 1,
  });
  await assert.rejects(
    at(engines, 1).load(buildGraph({ mask })),
    /keepMask: expected fed leaves as inputs on ONNX Runtime but found a computed value/,
  );
});
