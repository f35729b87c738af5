import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildGraph, input } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { keepMask } from '../../src/ir/ops/keepMask.ts';
import { nativeEngine } from '../../src/runtime/node/native-engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import type { Expectations } from './engineCase.ts';
import { engineCases } from './engineConformance.ts';
import { engines } from './engines.ts';
import { found } from './native/engines.ts';

const indexOutside = /indices in \[0, 3\) but found 3 at 1/;
const expectations: Readonly<Record<string, Expectations>> = {
  reference: { open: async () => referenceEngine(), synchronous: true, indexOutside },
  ort: {
    open: async () => ortEngine({ threads: 2 }),
    synchronous: true,
    indexOutside: /GatherElements.*[Oo]ut of range/,
  },
  native: {
    open: async () => nativeEngine({ library: found.library ?? '', threads: 2 }),
    synchronous: true,
    indexOutside,
  },
};

for (const engine of engines) {
  const expected = expectations[engine.name];
  for (const { name, run } of engineCases) {
    test(`${engine.name}: ${name}`, () => run(engine, expected ?? assert.fail(`no expectations of ${engine.name}`)));
  }
}

test('ort: a mask of computed positions cannot be filled on the host, and says so', async () => {
  const positions = input('positions', 'i32', [1, 2]);
  const computed = add(positions, positions);
  const mask = keepMask(input('key', 'i32', [2]), positions, computed, { width: 4, keep: 0.5, stream: 1 });
  const engine = ortEngine({ threads: 2 });
  await assert.rejects(
    engine.load(buildGraph({ mask })),
    /keepMask: expected fed leaves as inputs on ONNX Runtime but found a computed value/,
  );
  engine.close();
});
