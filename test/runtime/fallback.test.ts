import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, buildGraph, input } from '../../src/ir/index.ts';
import { apply1 } from '../../src/ir/graph.ts';
import type { Op } from '../../src/ir/op.ts';
import { withFallback } from '../../src/runtime/fallback.ts';
import { nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { found } from './native/engines.ts';

/** An op that only ONNX Runtime knows. */
const foreign: Op = {
  name: 'foreign',
  formula: 'sin x',
  infer: ([x]) => (x ? [x] : []),
  vjp: 'nondifferentiable',
  reference: ([x]) => (x ? [{ ...x, data: x.data.map(Math.sin) }] : []),
  onnx: (emit, [x]) => [emit.node('Sin', [x ?? ''])],
};

test(
  'a program that an engine does not cover goes whole to the other, which says why once',
  { skip: found.missing },
  async () => {
    const said: string[] = [];
    let opened = 0;
    const engine = withFallback(
      nativeEngine({ library: found.library ?? '', threads: 1 }),
      async () => {
        opened++;
        return ortEngine({ threads: 1 });
      },
      (line) => said.push(line),
    );
    const x = input('x', 'f32', [2]);
    const feeds = { x: tensor('f32', [2], [0, 1]) };
    const covered = await engine.load(buildGraph({ y: add(x, 1) }));
    assert.deepEqual([...((await covered.run(feeds))['y']?.data ?? [])], [1, 2]);
    assert.equal(opened, 0);
    const graph = buildGraph({ y: add(apply1(foreign, [x], {}), 1) });
    await engine.plan(graph);
    const program = await engine.load(graph);
    const { y } = await program.run(feeds);
    assert.deepEqual(Array.from(y?.data ?? []), [1, Math.fround(1 + Math.fround(Math.sin(1)))]);
    assert.equal(opened, 1);
    assert.equal(engine.memory().programs, 2);
    assert.deepEqual(said, ['ort in fp32 runs a program: foreign: it has no native kernel and no decomposition']);
    engine.close();
    await assert.rejects(program.run(feeds), /released|closed/);
  },
);

test('other errors stay those of the first engine', { skip: found.missing }, async () => {
  const native = nativeEngine({ library: found.library ?? '', threads: 1 });
  native.close();
  const engine = withFallback(
    native,
    () => Promise.reject(new Error('opened')),
    () => {},
  );
  await assert.rejects(engine.load(buildGraph({ y: add(input('x', 'f32', [2]), 1) })), /it was closed/);
});
