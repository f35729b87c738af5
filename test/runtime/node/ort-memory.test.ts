import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import koffi from 'koffi';
import type { OrtTensor } from '../../../src/runtime/node/ort-api.ts';
import { allocate, openOnnxRuntime } from '../../../src/runtime/node/ort-api.ts';
import { addSelf, slowModel, unary, vector } from './ort-graphs.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const runtime = openOnnxRuntime({ threads: 2 });
after(() => runtime.close());

function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

test('allocate gives zeroed memory aligned to 64 bytes, ordinary or shared', () => {
  for (const shared of [false, true]) {
    const data = allocate('f32', 5, { shared });
    assert.equal(koffi.address(data) % 64n, 0n);
    assert.deepEqual([...data], [0, 0, 0, 0, 0]);
    assert.equal(data.buffer instanceof SharedArrayBuffer, shared);
  }
});

test('another thread sees results in shared memory', async () => {
  const data = allocate('f32', 4, { shared: true });
  data.set([1, 2, 3, 4]);
  const tensor = runtime.tensor('f32', [4], data);
  const session = runtime.createSession(unary(addSelf, [4]));
  await session.run({ x: tensor }, { y: tensor });
  const worker = new Worker(
    'const {parentPort, workerData} = require("node:worker_threads"); parentPort.postMessage([...workerData])',
    {
      eval: true,
      workerData: data,
    },
  );
  const seen: unknown = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.deepEqual(seen, [2, 4, 6, 8]);
  session.release();
});

test('a small array from V8 heap stays where ONNX Runtime knows it', () => {
  const session = runtime.createSession(unary(addSelf, [3]));
  const data = Float32Array.of(1, 2, 3);
  const y = vector(runtime, [0, 0, 0]);
  const bound = session.prebind({ x: runtime.tensor('f32', [3], data) }, { y });
  collectGarbage();
  data[0] = 5;
  bound.runSync();
  assert.deepEqual([...y.data], [10, 4, 6]);
  session.release();
});

test('tensors refuse data of another size, another type or changing length', () => {
  assert.throws(() => runtime.tensor('f32', [3], new Float32Array(2)), RangeError);
  assert.throws(() => runtime.tensor('f32', [2], new Int32Array(2)), TypeError);
  const resizable = new Float32Array(new ArrayBuffer(8, { maxByteLength: 16 }));
  assert.throws(() => runtime.tensor('f32', [2], resizable), TypeError);
});

test('twenty sessions work in one arena, which shrinks on demand', () => {
  const elements = 1 << 20;
  const nodes = [
    { opType: 'Exp', inputs: ['x'], outputs: ['a'] },
    { opType: 'Sin', inputs: ['x'], outputs: ['b'] },
    { opType: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
  ];
  const model = unary(nodes, [elements]);
  const x = runtime.tensor('f32', [elements], allocate('f32', elements));
  const y = runtime.tensor('f32', [elements], allocate('f32', elements));
  runtime.shrinkArena();
  const before = runtime.memory();
  const sessions = Array.from({ length: 20 }, () => runtime.createSession(model));
  // With memory patterns a second run would take one block instead of two.
  for (const session of [...sessions, ...sessions]) session.runSync({ x }, { y });
  const after = runtime.memory();
  assert.equal(after.allocations - before.allocations, 80);
  assert.ok(after.reservedBytes - before.reservedBytes <= 4 * 4 * elements, `${after.reservedBytes} bytes reserved`);
  assert.equal(after.inUseBytes, before.inUseBytes);
  runtime.shrinkArena();
  assert.ok(runtime.memory().reservedBytes < after.reservedBytes);
  for (const session of sessions) session.release();
});

test('sessions and tensors leave no memory behind', () => {
  const model = unary(addSelf, [1000]);
  const round = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const session = runtime.createSession(model);
      const x = runtime.tensor('f32', [1000], new Float32Array(1000));
      session.prebind({ x }, { y: x }).runSync();
      session.runSync({ x }, { y: x });
      x.release();
      session.release();
    }
  };
  round(300);
  const before = residentBytes();
  round(1000);
  const grownBytes = residentBytes() - before;
  assert.ok(grownBytes < 24 * 2 ** 20, `${grownBytes} bytes in 1000 rounds`);
});

test('memory that only a run refers to is kept until it ends', async () => {
  const session = runtime.createSession(slowModel(512, 60));
  const start = (): readonly [Promise<void>, WeakRef<OrtTensor>] => {
    const x = runtime.tensor('f32', [512, 512], allocate('f32', 512 * 512));
    const y = runtime.tensor('f32', [512, 512], allocate('f32', 512 * 512));
    return [session.run({ x }, { y }), new WeakRef(y)];
  };
  const [run, output] = start();
  let ended = false;
  void run.then(() => (ended = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  collectGarbage();
  assert.equal(ended, false);
  assert.ok(output.deref());
  await run;
  await new Promise((resolve) => setTimeout(resolve, 20));
  collectGarbage();
  assert.equal(output.deref(), undefined);
  session.release();
});
