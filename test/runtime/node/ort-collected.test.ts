import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const script = `
import { ortEngine } from ${JSON.stringify(new URL('../../../src/runtime/node/ort-engine.ts', import.meta.url).href)};
import { buildGraph, input } from ${JSON.stringify(new URL('../../../src/ir/graph.ts', import.meta.url).href)};
import { neg } from ${JSON.stringify(new URL('../../../src/ir/ops/neg.ts', import.meta.url).href)};
import { tensor } from ${JSON.stringify(new URL('../../../src/runtime/tensor.ts', import.meta.url).href)};
const engine = ortEngine({ threads: 1 });
const program = await engine.load(buildGraph({ y: neg(input('x', 'f32', [2])) }));
for (let i = 0; i < 20; i++) {
  gc();
  await new Promise((done) => setTimeout(done, 5));
  const { y } = await program.run({ x: tensor('f32', [2], [i, 2]) });
  if (y.data[0] !== -i) throw new Error('wrong sum');
}
engine.close();
`;

test('the library stays loaded while garbage is collected, with one thread too', () => {
  const { status, signal, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script]);
  assert.equal(signal ?? status, 0, stderr.toString());
});
