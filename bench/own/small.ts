// Small steps of a policy, microseconds a call, one round per line of stdin.
import * as ir from '../../src/ir/index.ts';
import type { Engine, PreboundRun } from '../../src/runtime/engine.ts';
import { nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { findNativeLibrary } from '../../src/runtime/node/native-library.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { count, readOptions } from '../lib/options.ts';
import { serve } from './serve.ts';

const options = readOptions('Small steps of ours, one round per line of stdin.', {
  engine: { help: 'ort or native', default: 'ort' },
  calls: { help: 'N a round', default: '2000' },
  updates: { help: 'N in one program', default: '16' },
});
const [calls, updates] = [count('calls', options.calls), count('updates', options.updates)];
const [observed, width, actions] = [8, 64, 4];
const shapes = {
  'hidden1.weight': [width, observed],
  'hidden1.bias': [width],
  'hidden2.weight': [width, width],
  'hidden2.bias': [width],
  'out.weight': [actions, width],
  'out.bias': [actions],
};
const names = Object.keys(shapes);

function logits(param: (name: string) => ir.Value): ir.Value {
  const x = ir.input('x', 'f32', [1, observed]);
  const layer = (h: ir.Value, name: string): ir.Value => ir.linear(h, param(`${name}.weight`), param(`${name}.bias`));
  return layer(ir.tanh(layer(ir.tanh(layer(x, 'hidden1')), 'hidden2')), 'out');
}

const parameters = (): ((name: string) => ir.Value) => {
  const made = new Map(Object.entries(shapes).map(([name, shape]) => [name, ir.parameter(name, shape)]));
  return (name) => made.get(name) ?? ir.parameter(name, []);
};

/** -A ln π(a|x), its gradient, and AdamW in place. */
function update(): ir.Graph {
  const param = parameters();
  const chosen = ir.takeAlong(ir.logSoftmax(logits(param)), ir.input('action', 'i32', [1]));
  const loss = ir.neg(ir.mean(ir.mul(chosen, ir.input('advantage', 'f32', [1]))));
  const gradients = ir.gradients(loss, names.map(param));
  const scalar = (name: string): ir.Value => ir.input(name, 'f32', []);
  const [rate, corrections] = [scalar('rate'), [scalar('correction1'), scalar('correction2')] as const];
  const outputs: Record<string, ir.Value> = { loss };
  const inPlace: Record<string, string> = {};
  names.forEach((name, i) => {
    const theta = param(name);
    const slot = (kind: string): ir.Value => ir.parameter(`${kind} ${name}`, theta.type.shape);
    const next = ir.adamw({ theta, m: slot('m'), v: slot('v') }, gradients[i] ?? theta, rate, corrections, {
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      weightDecay: 0.01,
    });
    for (const [kind, value] of [
      ['', next.theta],
      ['m ', next.m],
      ['v ', next.v],
    ] as const) {
      outputs[`new ${kind}${name}`] = value;
      inPlace[`new ${kind}${name}`] = `${kind}${name}`;
    }
  });
  return ir.buildGraph(outputs, { inPlace });
}

const engine: Engine =
  options.engine === 'native'
    ? nativeEngine({ library: await findNativeLibrary(), threads: 1 })
    : ortEngine({ threads: 1 });
const store = weightStore();
store.allocate(
  'policy',
  ['', 'm ', 'v '].flatMap((kind) =>
    Object.entries(shapes).map(([name, shape]) => ({ name: `${kind}${name}`, shape })),
  ),
);
for (const name of names) (await store.get(name).f32()).forEach((_, i, values) => (values[i] = 0.2 * Math.sin(i + 1)));

async function bound(graph: ir.Graph): Promise<PreboundRun> {
  const program = await engine.load(graph);
  for (const { name, kind } of graph.leaves) if (kind === 'parameter') program.bind(name, store.get(name));
  const run = await program.prebind();
  for (const [name, value] of Object.entries({ x: 0.5, advantage: 1, rate: 1e-4, correction1: 0.5, correction2: 0.5 }))
    run.inputs[name]?.data.fill(value);
  return run;
}

const nothing = await bound(ir.buildGraph({ y: ir.add(ir.input('x', 'f32', [1]), 1) }));
const act = await bound(ir.buildGraph({ logits: logits(parameters()) }));
const single = await bound(update());
const many = await bound(
  ir.repeatUpdates(update(), updates, ['x', 'action', 'advantage', 'correction1', 'correction2']),
);

/** Microseconds of a call. */
function timed(times: number, call: () => void): number {
  const start = performance.now();
  for (let i = 0; i < times; i++) call();
  return (1000 * (performance.now() - start)) / times;
}

const feed = (run: PreboundRun): void => {
  const data = run.inputs['x']?.data;
  if (data) data[0] = Math.random();
};

await serve({ engine: engine.name }, async () => ({
  callUs: timed(calls, () => nothing.runSync()),
  actUs: timed(calls, () => {
    feed(act);
    act.runSync();
  }),
  updateUs: timed(calls, () => {
    feed(single);
    single.runSync();
  }),
  manyUs: timed(Math.ceil(calls / updates), () => many.runSync()) / updates,
}));
engine.close();
