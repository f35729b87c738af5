import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnnxElementType } from '../../../src/runtime/onnx/dtypes.ts';
import { encodeOnnx } from '../../../src/runtime/onnx/encode.ts';
import { allocate, openOnnxRuntime } from '../../../src/runtime/node/ort-api.ts';
import { loadOrtFunctions } from '../../../src/runtime/node/ort-functions.ts';
import { addSelf, slowModel, unary, vector } from './ort-graphs.ts';

const runtime = openOnnxRuntime({ threads: 2 });
after(() => runtime.close());

test('every kind of attribute, initializers and a contrib op reach ONNX Runtime', () => {
  const session = runtime.createSession(
    encodeOnnx({
      inputs: [{ name: 'x', dtype: 'f32', shape: [2, 2] }],
      outputs: [
        { name: 'gemm', dtype: 'f32', shape: [2, 2] },
        { name: 'moved', dtype: 'f32', shape: [2, 2] },
        { name: 'act', dtype: 'f32', shape: [2, 2] },
        { name: 'fused', dtype: 'f32', shape: [2, 2] },
        { name: 'five', dtype: 'f32', shape: [1] },
        { name: 'halves', dtype: 'f32', shape: [2] },
        { name: 'cast', dtype: 'i64', shape: [2, 2] },
      ],
      initializers: [{ name: 'w', dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
      nodes: [
        {
          opType: 'Gemm',
          inputs: ['x', 'w'],
          outputs: ['gemm'],
          attributes: { alpha: { float: 0.5 }, transB: { int: 1 } },
        },
        { opType: 'Transpose', inputs: ['x'], outputs: ['moved'], attributes: { perm: { ints: [1, 0] } } },
        { opType: 'Gelu', inputs: ['x'], outputs: ['act'], attributes: { approximate: { string: 'tanh' } } },
        {
          opType: 'FusedMatMul',
          domain: 'com.microsoft',
          inputs: ['x', 'w'],
          outputs: ['fused'],
          attributes: { transA: { int: 1n } },
        },
        {
          opType: 'Constant',
          inputs: [],
          outputs: ['five'],
          attributes: { value: { tensor: { name: 'c', dtype: 'f32', shape: [1], data: Float32Array.of(5) } } },
        },
        { opType: 'Constant', inputs: [], outputs: ['halves'], attributes: { value_floats: { floats: [0.5, -1.5] } } },
        { opType: 'Cast', inputs: ['x'], outputs: ['cast'], attributes: { to: { int: 7 } } },
      ],
    }),
  );
  const x = vector(runtime, [1, 2, 3, -4], [2, 2]);
  const outputs = {
    gemm: vector(runtime, [0, 0, 0, 0], [2, 2]),
    moved: vector(runtime, [0, 0, 0, 0], [2, 2]),
    act: vector(runtime, [0, 0, 0, 0], [2, 2]),
    fused: vector(runtime, [0, 0, 0, 0], [2, 2]),
    five: vector(runtime, [0]),
    halves: vector(runtime, [0, 0]),
    cast: runtime.tensor('i64', [2, 2], allocate('i64', 4)),
  };
  session.runSync({ x }, outputs);
  assert.deepEqual([...outputs.gemm.data], [2.5, 5.5, -2.5, -3.5]);
  assert.deepEqual([...outputs.moved.data], [1, 3, 2, -4]);
  assert.deepEqual([...outputs.fused.data], [10, 14, -10, -12]);
  assert.deepEqual([...outputs.five.data], [5]);
  assert.deepEqual([...outputs.halves.data], [0.5, -1.5]);
  assert.deepEqual([...outputs.cast.data], [1n, 2n, 3n, -4n]);
  const gelu = (v: number): number => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
  for (const [index, value] of [1, 2, 3, -4].entries()) {
    assert.ok(Math.abs(Number(outputs.act.data[index]) - gelu(value)) < 1e-6);
  }
  session.release();
});

const elementTypes: readonly OnnxElementType[] = ['f32', 'f64', 'f16', 'bf16', 'i8', 'u8', 'i32', 'u32', 'i64', 'bool'];

for (const dtype of elementTypes) {
  test(`${dtype} tensors go through ONNX Runtime bit for bit`, () => {
    const session = runtime.createSession(unary([{ opType: 'Identity', inputs: ['x'], outputs: ['y'] }], [3], dtype));
    const [from, to] = [allocate(dtype, 3), allocate(dtype, 3)];
    const bytes = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = dtype === 'bool' ? i % 2 : 3 * i + 1;
    session.runSync({ x: runtime.tensor(dtype, [3], from) }, { y: runtime.tensor(dtype, [3], to) });
    assert.deepEqual(to, from);
    session.release();
  });
}

test('an output over an input is updated in place, call after call', () => {
  const session = runtime.createSession(unary(addSelf, [3]));
  const x = vector(runtime, [1, 2, 3]);
  const bound = session.prebind({ x }, { y: x });
  for (let i = 0; i < 3; i++) bound.runSync();
  assert.deepEqual([...x.data], [8, 16, 24]);
  session.release();
});

test('a failing run is an Error and the session stays usable', async () => {
  const session = runtime.createSession(unary(addSelf, [3]));
  assert.deepEqual([session.inputNames, session.outputNames], [['x'], ['y']]);
  const x = vector(runtime, [1, 2, 3]);
  const y = vector(runtime, [0, 0, 0]);
  const wrong = vector(runtime, [1, 2]);
  assert.throws(() => session.runSync({ x: wrong }, { y }), /ONNX Runtime: .*x/s);
  await assert.rejects(session.run({ x: wrong }, { y }), /ONNX Runtime: .*x/s);
  assert.throws(() => session.runSync({ x }, { y: wrong }), /ONNX Runtime: .*output: y/s);
  assert.throws(() => session.runSync({}, { y }), /RangeError.*input x/);
  assert.throws(() => session.prebind({}, { y }), /RangeError.*input x/);
  assert.throws(() => session.prebind({ x, z: x }, { y }), /ONNX Runtime: .*z/s);
  session.runSync({ x }, { y });
  assert.deepEqual([...y.data], [2, 4, 6]);
  session.release();
});

test('a model that is not one is an Error', async () => {
  assert.throws(() => runtime.createSession(Uint8Array.of(1, 2, 3)), /ONNX Runtime: /);
  await assert.rejects(runtime.createSessionAsync(Uint8Array.of(1, 2, 3)), /ONNX Runtime: /);
  const unknown = unary([{ opType: 'NoSuchOp', inputs: ['x'], outputs: ['y'] }], [1]);
  assert.throws(() => runtime.createSession(unknown), /NoSuchOp/);
});

test('what was released is refused', async () => {
  const session = await runtime.createSessionAsync(unary(addSelf, [1]));
  const x = vector(runtime, [1]);
  const bound = session.prebind({ x }, { y: x });
  bound.release();
  assert.throws(() => bound.runSync(), /live bound run/);
  x.release();
  x.release();
  assert.throws(() => session.runSync({ x }, { y: x }), /live tensor/);
  session.release();
  await assert.rejects(session.run({ x: vector(runtime, [1]) }, {}), /live session/);
});

test('the event loop stays free while a run computes, and release waits for it', async () => {
  const session = await runtime.createSessionAsync(slowModel(512, 60));
  const x = runtime.tensor('f32', [512, 512], allocate('f32', 512 * 512));
  const y = runtime.tensor('f32', [512, 512], allocate('f32', 512 * 512));
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const start = performance.now();
  const run = session.run({ x }, { y });
  session.release();
  x.release();
  y.release();
  await run;
  clearInterval(timer);
  const elapsedMs = performance.now() - start;
  assert.ok(ticks > elapsedMs / 20, `${ticks} ticks in ${elapsedMs} ms`);
});

test('an abort signal stops a run before its next node', async () => {
  const session = runtime.createSession(slowModel(512, 100));
  const x = runtime.tensor('f32', [512, 512], allocate('f32', 512 * 512));
  const y = runtime.tensor('f32', [512, 512], allocate('f32', 512 * 512));
  const bound = session.prebind({ x }, { y });
  const whole = performance.now();
  await bound.run();
  const wholeMs = performance.now() - whole;
  const controller = new AbortController();
  const reason = new Error('enough');
  const start = performance.now();
  setTimeout(() => controller.abort(reason), wholeMs / 10);
  await assert.rejects(bound.run({ signal: controller.signal }), reason);
  assert.ok(performance.now() - start < wholeMs / 2, `${performance.now() - start} of ${wholeMs} ms`);
  await assert.rejects(bound.run({ signal: controller.signal }), reason);
  await bound.run();
  session.release();
});

test('a profile names the nodes that ran', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ort-profile-'));
  try {
    const session = runtime.createSession(unary(addSelf, [2]), {
      profile: join(folder, 'trace'),
      optimization: 'none',
    });
    const x = vector(runtime, [1, 2]);
    session.runSync({ x }, { y: x });
    const trace = readFileSync(session.endProfile(), 'utf8');
    assert.match(trace, /"op_name" *: *"Add"/);
    session.release();
  } finally {
    rmSync(folder, { recursive: true });
  }
  const plain = runtime.createSession(unary(addSelf, [2]));
  assert.throws(() => plain.endProfile(), /profile/);
  plain.release();
});

test('an open environment is shared with equal options and refuses others', () => {
  const second = openOnnxRuntime({ threads: 2 });
  assert.throws(() => openOnnxRuntime({ threads: 1 }), RangeError);
  assert.throws(() => openOnnxRuntime({ threads: 0 }), RangeError);
  second.close();
  const session = runtime.createSession(unary(addSelf, [1]));
  session.release();
});

test('a library that is not ONNX Runtime is refused', () => {
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: readonly string[] };
  const other = sharedObjects.find((path) => path.includes('/libc.') || path.includes('libSystem'));
  assert.ok(other);
  assert.throws(() => loadOrtFunctions(other), /could not be loaded/);
  assert.throws(() => loadOrtFunctions(join(tmpdir(), 'absent.so')), /absent/);
});

test('runs of several sessions overlap and keep their results apart', async () => {
  const session = runtime.createSession(unary(addSelf, [2]));
  const other = await runtime.createSessionAsync(unary([{ opType: 'Neg', inputs: ['x'], outputs: ['y'] }], [2]));
  const runs = Array.from({ length: 40 }, async (_, i) => {
    const x = vector(runtime, [i, i + 1]);
    const y = vector(runtime, [0, 0]);
    await (i % 2 === 0 ? session : other).run({ x }, { y });
    return [...y.data].map(Number);
  });
  for (const [i, values] of (await Promise.all(runs)).entries()) {
    assert.deepEqual(values, i % 2 === 0 ? [2 * i, 2 * i + 2] : [-i, -i - 1]);
  }
  session.release();
  other.release();
});

test('a bound run is one at a time', async () => {
  const session = runtime.createSession(slowModel(256, 20));
  const tensor = () => runtime.tensor('f32', [256, 256], allocate('f32', 256 * 256));
  const bound = session.prebind({ x: tensor() }, { y: tensor() });
  const first = bound.run();
  await assert.rejects(bound.run(), /under way/);
  assert.throws(() => bound.runSync(), /under way/);
  await first;
  bound.runSync();
  session.release();
});
