import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { bindGradients, gradientNorm, squaresGraph } from '../../src/loop/gradientNorm.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';

const engines = [referenceEngine(), ortEngine({ threads: 2 })];
after(() => engines.forEach((engine) => engine.close()));

for (const engine of engines) {
  test(`the norm of gradients on ${engine.name}, beyond what f32 holds of squares too`, async () => {
    const shapes = [[3, 5], [50_000]];
    const { members } = weightStore().allocate(
      'gradients',
      shapes.map((shape, i) => ({ name: `g${i}`, shape })),
    );
    const program = bindGradients(await engine.load(squaresGraph(shapes)), members);
    const norm = async (...values: readonly number[]): Promise<number> => {
      for (const [part, { f32, touch }] of members.entries()) {
        (await f32()).fill(values[part] ?? 0);
        touch();
      }
      return gradientNorm(program, members);
    };
    for (const scale of [1, 1e20, 3e-21]) {
      const expected = Math.hypot(2 * Math.sqrt(15), Math.sqrt(50_000)) * scale;
      const found = await norm(2 * scale, scale);
      assert.ok(Math.abs(found / expected - 1) < 1e-6, `${found} against ${expected}`);
    }
    assert.equal(await norm(0, 0), 0);
    assert.equal(await norm(1, Infinity), Infinity);
    assert.ok(Number.isNaN(await norm(Number.NaN, 1)));
    program.release();
  });
}
