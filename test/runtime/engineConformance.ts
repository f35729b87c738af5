import { at, buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { keepMask } from '../../src/ir/ops/keepMask.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { matmul } from '../../src/ir/ops/matmul.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { takeAlong } from '../../src/ir/ops/takeAlong.ts';
import { where } from '../../src/ir/ops/where.ts';
import type { Engine, PreboundRun, Program, Tensors } from '../../src/runtime/engine.ts';
import { type Tensor, tensor } from '../../src/runtime/tensor.ts';
import { f32Source } from '../../src/runtime/tensor-source.ts';
import { type WeightStore, weightStore } from '../../src/runtime/weights.ts';
import { check, type EngineCase, refuses, same } from './engineCase.ts';
import { nonFiniteCase } from './nonFiniteCase.ts';

const x = tensor('f32', [1, 2], [3, 4]);

/** y = x Wᵀ with W = [[1, 2], [3, 4]] in the store. */
async function product(engine: Engine): Promise<{ program: Program; store: WeightStore }> {
  const store = weightStore();
  store.add(f32Source('w', [2, 2], Float32Array.of(1, 2, 3, 4)));
  const program = await engine.load(buildGraph({ y: linear(input('x', 'f32', [1, 2]), parameter('w', [2, 2])) }));
  return { program, store };
}

async function works(program: Program): Promise<void> {
  same((await program.run({ x }))['y']?.data, [11, 25], 'the program afterwards');
}

const trainedWeight = (name: string, shape: readonly number[]) =>
  at(weightStore().allocate('group', [{ name, shape }]).members, 0);

const dataOf = (tensors: Tensors, name: string): Tensor['data'] => tensors[name]?.data ?? new Float32Array(0);

async function runBound(bound: PreboundRun, sync: boolean): Promise<void> {
  if (sync) bound.runSync();
  else await bound.run();
}

/** What every engine holds: run each on an engine, with what differs between engines. */
export const engineCases: readonly EngineCase[] = [
  {
    name: 'wrong runs name the leaf or output, expected and found, and the program runs afterwards',
    run: async (engine) => {
      const { program, store } = await product(engine);
      await refuses(() => program.run({ x }), /Expected weights for w but none are bound/);
      program.bind('w', store.get('w'));
      const short: Tensor = { dtype: 'f32', shape: [1, 2], data: new Float32Array(1) };
      const otherArray: Tensor = { dtype: 'f32', shape: [1, 2], data: new Int32Array(2) };
      const given = new Float32Array(2);
      const moved: Tensor = { dtype: 'f32', shape: [1, 2], data: given };
      structuredClone(given.buffer, { transfer: [given.buffer] });
      const wrong: readonly [RegExp, Tensors, Tensors?][] = [
        [/Expected input x f32\[1, 2\] but found none/, {}],
        [/Expected f32\[1, 2\] for input x but found f32\[2, 1\]/, { x: tensor('f32', [2, 1], [3, 4]) }],
        [/Expected f32\[1, 2\] for input x but found i32\[1, 2\]/, { x: tensor('i32', [1, 2], [3, 4]) }],
        [/Expected a Float32Array of 2 elements for input x but found a Float32Array of 1/, { x: short }],
        [/Expected a Float32Array of 2 elements for input x but found an? Int32Array of 2/, { x: otherArray }],
        [/Expected a Float32Array of 2 elements for input x but found a Float32Array of 0/, { x: moved }],
        [/Expected inputs x but found z/, { x, z: x }],
        [/Expected inputs x but found w/, { x, w: x }],
        [/Expected outputs y but found z/, { x }, { z: x }],
        [/Expected f32\[1, 2\] for output y but found f32\[2\]/, { x }, { y: tensor('f32', [2], [0, 0]) }],
        [/Expected a Float32Array of 2 elements for output y but found a Float32Array of 1/, { x }, { y: short }],
      ];
      for (const [message, inputs, outputs] of wrong) {
        await refuses(() => program.run(inputs, outputs ? { outputs } : {}), message);
        await works(program);
      }
      const own = tensor('f32', [1, 2], [0, 0]);
      const found = await program.run({ x }, { outputs: { y: own } });
      check(found['y'] === own, 'an output goes where the caller wants it');
      same(own.data, [11, 25], 'the given output');
      program.release();
    },
  },
  {
    name: 'weights of another name or shape, and frozen ones that a program writes, are refused',
    run: async (engine) => {
      const { program, store } = await product(engine);
      await refuses(() => program.bind('v', store.get('w')), /parameter of the program but found v/);
      await refuses(() => program.bind('x', store.get('w')), /parameter of the program but found x/);
      store.add(f32Source('flat', [4], new Float32Array(4)));
      await refuses(() => program.bind('w', store.get('flat')), /weight \[2, 2\] at w but found \[4\]/);
      const writing = await engine.load(buildGraph({ y: mul(parameter('w', [2, 2]), 2) }, { inPlace: { y: 'w' } }));
      await refuses(() => writing.bind('w', store.get('w')), /writes w but the weight is frozen/);
      const trained = trainedWeight('trained', [2, 2]);
      (await trained.f32()).set([1, 2, 3, 4]);
      writing.bind('w', trained);
      await writing.run({});
      same(await trained.f32(), [2, 4, 6, 8], 'the weight');
      check(trained.version() === 1, `one write is one version: ${trained.version()}`);
      program.bind('w', trained);
      same((await program.run({ x }))['y']?.data, [22, 50], 'another program sees the new values');
      program.release();
      writing.release();
    },
  },
  {
    name: 'a poisoned weight is named at the first run and another can be bound',
    run: async (engine) => {
      const { program, store } = await product(engine);
      store.add(f32Source('poison', [2, 2], Float32Array.of(1, Number.NaN, 3, 4)));
      program.bind('w', store.get('poison'));
      await refuses(() => program.run({ x }), /finite weights but found NaN in poison at element 1/);
      program.bind('w', store.get('w'));
      await works(program);
      program.release();
    },
  },
  {
    name: 'a released program says so, again and again, and the engine goes on',
    run: async (engine) => {
      const { programs } = engine.memory();
      const { program, store } = await product(engine);
      program.bind('w', store.get('w'));
      check(engine.memory().programs === programs + 1, 'a loaded program is counted');
      await works(program);
      program.release();
      program.release();
      check(engine.memory().programs === programs, 'a released program is not counted');
      await refuses(() => program.run({ x }), /loaded program but it was released/);
      await refuses(() => program.prebind(), /loaded program but it was released/);
      const next = await product(engine);
      next.program.bind('w', next.store.get('w'));
      await works(next.program);
      next.program.release();
    },
  },
  {
    name: 'an index outside fails the run, naming the op and its place, and the next one works',
    run: async (engine, { indexOutside }) => {
      const table = parameter('model.table.weight', [2, 3]);
      const graph = buildGraph({ y: takeAlong(mul(table, 1), input('i', 'i32', [2])) });
      const program = await engine.load(graph);
      const store = weightStore();
      store.add(f32Source('table', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)));
      program.bind('model.table.weight', store.get('table'));
      if (indexOutside) {
        const wrong = { i: tensor('i32', [2], [0, 3]) };
        await refuses(() => program.run(wrong), indexOutside);
        await refuses(() => program.run(wrong), /takeAlong at model\.table/);
      }
      same((await program.run({ i: tensor('i32', [2], [2, 0]) }))['y']?.data, [3, 4], 'the next run');
      program.release();
    },
  },
  {
    name: 'many runs at once are carried out one after another',
    run: async (engine) => {
      const total = parameter('total', [1]);
      const graph = buildGraph({ y: add(total, input('by', 'f32', [1])) }, { inPlace: { y: 'total' } });
      const program = await engine.load(graph);
      const member = trainedWeight('total', [1]);
      program.bind('total', member);
      await Promise.all(Array.from({ length: 20 }, (_, i) => program.run({ by: tensor('f32', [1], [i]) })));
      same(await member.f32(), [190], 'the total');
      check(member.version() === 20, `each run is a version: ${member.version()}`);
      program.release();
    },
  },
  {
    name: 'a graph that breaks a rule is not loaded',
    run: async (engine) => {
      const graph = buildGraph({ y: mul(input('x', 'f32', [2]), 2) });
      await refuses(() => engine.load({ ...graph, leaves: [] }), /Graph rule "leaves" is broken/);
    },
  },
  {
    name: 'NaN and infinities come through as they are',
    run: async (engine) => {
      const program = await engine.load(buildGraph({ y: add(input('v', 'f32', [3]), 1) }));
      const { y } = await program.run({ v: tensor('f32', [3], [Number.NaN, Number.POSITIVE_INFINITY, 1]) });
      const [nan, infinite, two] = Array.from(y?.data ?? []);
      check(Number.isNaN(nan) && infinite === Number.POSITIVE_INFINITY && two === 2, String([nan, infinite, two]));
      program.release();
    },
  },
  nonFiniteCase,
  {
    name: 'a prebound run reads and writes the same memory every time',
    run: async (engine, { synchronous }) => {
      const { program, store } = await product(engine);
      await refuses(() => program.prebind(), /Expected weights for w but none are bound/);
      program.bind('w', store.get('w'));
      const own = tensor('f32', [1, 2], [0, 0]);
      const bound = await program.prebind({ outputs: { y: own } });
      check(bound.outputs['y'] === own, 'the output is the one that was given');
      const fed = dataOf(bound.inputs, 'x');
      fed.set([3, 4]);
      await bound.run();
      same(own.data, [11, 25], 'the first run');
      fed[0] = 5;
      await runBound(bound, synchronous);
      same(own.data, [13, 31], 'the second run');
      const given = tensor('f32', [1, 2], [1, 1]);
      const other = await program.prebind({ inputs: { x: given } });
      check(other.inputs['x'] === given, 'the input is the one that was given');
      await runBound(other, synchronous);
      same(dataOf(other.outputs, 'y'), [3, 7], 'memory of its own');
      program.release();
    },
  },
  {
    name: 'state goes from run to run in an input, and weights written so get new versions',
    run: async (engine, { synchronous }) => {
      const [state, total] = [input('state', 'f32', [2, 2]), parameter('total', [2, 2])];
      const graph = buildGraph(
        { 'new state': matmul(state, input('turn', 'f32', [2, 2])), 'new total': add(total, state) },
        { inPlace: { 'new state': 'state', 'new total': 'total' } },
      );
      const program = await engine.load(graph);
      const member = trainedWeight('total', [2, 2]);
      program.bind('total', member);
      const bound = await program.prebind();
      check(bound.outputs['new state'] === bound.inputs['state'], 'output and input are one tensor');
      dataOf(bound.inputs, 'state').set([1, 0, 0, 1]);
      dataOf(bound.inputs, 'turn').set([0, 1, -1, 0]);
      for (const sync of [synchronous, false, synchronous]) await runBound(bound, sync);
      same(dataOf(bound.inputs, 'state'), [0, -1, 1, 0], 'the state after three turns');
      same(await member.f32(), [0, 1, -1, 0], 'the sum of the first three states');
      check(member.version() === 3, `each run is a version: ${member.version()}`);
      program.release();
    },
  },
  {
    name: 'masks of a prebound run are drawn anew by either call',
    run: async (engine, { synchronous }) => {
      const positions = input('positions', 'i32', [1, 4]);
      const mask = keepMask(input('key', 'i32', [2]), positions, positions, { width: 8, keep: 0.5, stream: 1 });
      const program = await engine.load(buildGraph({ y: where(mask, input('v', 'f32', [1, 4, 8]), 0) }));
      const bound = await program.prebind();
      dataOf(bound.inputs, 'v').fill(1);
      dataOf(bound.inputs, 'positions').set([0, 1, 2, 3]);
      const draw = async (key: number, sync: boolean): Promise<number[]> => {
        dataOf(bound.inputs, 'key').set([key, key]);
        await runBound(bound, sync);
        return Array.from(dataOf(bound.outputs, 'y'));
      };
      const first = await draw(1, synchronous);
      check(first.includes(0) && first.includes(1), `some are kept and some not: ${first.join()}`);
      check((await draw(2, synchronous)).join() !== first.join(), 'another key is another mask');
      same(await draw(1, false), first, 'the same key is the same mask');
      program.release();
    },
  },
  {
    name: 'wrong memory for a prebound run is refused; runs never overlap; what was released says so',
    run: async (engine, { synchronous }) => {
      const { program, store } = await product(engine);
      program.bind('w', store.get('w'));
      const flat = tensor('f32', [2], [0, 0]);
      await refuses(() => program.prebind({ inputs: { x: flat } }), /f32\[1, 2\] for input x but found f32\[2\]/);
      await refuses(() => program.prebind({ inputs: { z: flat } }), /Expected inputs x but found z/);
      await refuses(() => program.prebind({ outputs: { z: flat } }), /Expected outputs y but found z/);
      const [bound, other] = [await program.prebind(), await program.prebind()];
      const running = other.run();
      await refuses(
        () => bound.runSync(),
        synchronous ? /idle engine but runs are under way: 1; await them first/ : /runSync/,
      );
      await running;
      await runBound(bound, synchronous);
      bound.release();
      bound.release();
      await refuses(() => bound.run(), /prebound run but it was released/);
      await other.run();
      program.release();
      await refuses(() => other.run(), /loaded program but it was released/);
    },
  },
  {
    name: 'a closed engine says so, to its programs too, and another one opens',
    run: async (_engine, { open }) => {
      const engine = await open();
      const { program, store } = await product(engine);
      program.bind('w', store.get('w'));
      const bound = await program.prebind();
      engine.close();
      engine.close();
      for (const use of [
        () => program.run({ x }),
        () => program.prebind(),
        () => bound.run(),
        () => engine.load(program.graph),
      ])
        await refuses(use, /open engine but it was closed/);
      const next = await open();
      const again = await product(next);
      again.program.bind('w', again.store.get('w'));
      await works(again.program);
      next.close();
    },
  },
];
