// What ONNX Runtime costs beside arithmetic: one call, by way and number of inputs, and compiling 5,000 nodes.
import { encodeOnnx } from '../src/runtime/onnx/encode.ts';
import type { GraphOptimization, OrtRuntime } from '../src/runtime/node/ort-api.ts';
import { allocate, openOnnxRuntime } from '../src/runtime/node/ort-api.ts';

/** Least microseconds per call of five rounds. */
function perCall(calls: number, body: () => void): number {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) body();
    best = Math.min(best, (1000 * (performance.now() - start)) / calls);
  }
  return best;
}

async function perAwait(calls: number, body: () => Promise<void>): Promise<number> {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) await body();
    best = Math.min(best, (1000 * (performance.now() - start)) / calls);
  }
  return best;
}

const size = 16;

async function measureCalls(runtime: OrtRuntime, inputCount: number): Promise<void> {
  const names = Array.from({ length: inputCount }, (_, i) => `model.layers.${i}.self_attn.q_proj.weight`);
  const model = encodeOnnx({
    inputs: names.map((name) => ({ name, dtype: 'f32', shape: [size] })),
    outputs: [{ name: 'y', dtype: 'f32', shape: [size] }],
    nodes: [{ opType: 'Add', inputs: [names[0] ?? '', names[1] ?? ''], outputs: ['y'] }],
  });
  const session = runtime.createSession(model);
  const tensor = () => runtime.tensor('f32', [size], allocate('f32', size));
  const inputs = Object.fromEntries(names.map((name) => [name, tensor()]));
  const outputs = { y: tensor() };
  const bound = session.prebind(inputs, outputs);
  const sync = perCall(5000, () => bound.runSync());
  const named = perCall(1000, () => session.runSync(inputs, outputs));
  const async = await perAwait(2000, () => bound.run());
  const figures = [sync, named, async].map((us) => us.toFixed(1));
  console.log(
    `${inputCount} inputs: bound ${figures[0]} us, by name ${figures[1]} us, bound on a thread ${figures[2]} us`,
  );
  session.release();
}

/** Layers of six nodes, some of which a graph optimizer can fuse. */
function layeredModel(layers: number): Uint8Array<ArrayBuffer> {
  const nodes = Array.from({ length: layers }, (_, i) => {
    const at = (step: string): string => `${step}${i}`;
    return [
      { opType: 'MatMul', inputs: [i === 0 ? 'x' : `out${i - 1}`, 'w'], outputs: [at('mm')] },
      { opType: 'Add', inputs: [at('mm'), 'b'], outputs: [at('biased')] },
      { opType: 'Sigmoid', inputs: [at('biased')], outputs: [at('gate')] },
      { opType: 'Mul', inputs: [at('biased'), at('gate')], outputs: [at('act')] },
      { opType: 'Transpose', inputs: [at('act')], outputs: [at('t')], attributes: { perm: { ints: [1, 0] } } },
      { opType: 'Transpose', inputs: [at('t')], outputs: [at('out')], attributes: { perm: { ints: [1, 0] } } },
    ];
  }).flat();
  return encodeOnnx({
    inputs: [
      { name: 'x', dtype: 'f32', shape: [size, size] },
      { name: 'w', dtype: 'f32', shape: [size, size] },
      { name: 'b', dtype: 'f32', shape: [size] },
    ],
    outputs: [{ name: `out${layers - 1}`, dtype: 'f32', shape: [size, size] }],
    nodes,
  });
}

function measureCompilation(runtime: OrtRuntime, layers: number): void {
  const start = performance.now();
  const model = layeredModel(layers);
  const encodedMs = performance.now() - start;
  console.log(`${6 * layers} nodes: encoded in ${encodedMs.toFixed(0)} ms, ${model.length} bytes`);
  const levels: readonly GraphOptimization[] = ['none', 'basic', 'extended', 'all'];
  const matrix = () => runtime.tensor('f32', [size, size], allocate('f32', size * size));
  for (const optimization of levels) {
    const begin = performance.now();
    const session = runtime.createSession(model, { optimization });
    const createdMs = performance.now() - begin;
    const b = runtime.tensor('f32', [size], allocate('f32', size));
    const bound = session.prebind({ x: matrix(), w: matrix(), b }, { [`out${layers - 1}`]: matrix() });
    const runMs = perCall(10, () => bound.runSync()) / 1000;
    console.log(`  ${optimization}: compiled in ${createdMs.toFixed(0)} ms, run in ${runMs.toFixed(2)} ms`);
    session.release();
  }
}

const runtime = openOnnxRuntime({ threads: 2 });
for (const count of [2, 100, 600]) await measureCalls(runtime, count);
measureCompilation(runtime, 840);
runtime.close();
