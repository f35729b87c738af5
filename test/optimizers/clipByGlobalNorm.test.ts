import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { at, buildGraph, input } from '../../src/ir/graph.ts';
import { clipByGlobalNorm } from '../../src/optimizers/clipByGlobalNorm.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';

const engines: readonly Engine[] = [referenceEngine(), ortEngine({ threads: 2 })];
after(() => engines.forEach((engine) => engine.close()));

const shapes = [[3, 4], [7], []];

async function clipped(
  engine: Engine,
  maxNorm: number,
  values: readonly ArrayLike<number>[],
): Promise<{ found: number[][]; norm: number }> {
  const leaves = shapes.map((shape, i) => input(`g${i}`, 'f32', shape));
  const { gradients, metrics } = clipByGlobalNorm(maxNorm).apply(leaves);
  const norm = metrics['gradNorm'] ?? assert.fail('no norm');
  const named = Object.fromEntries(gradients.map((gradient, i) => [`y${i}`, gradient]));
  const program = await engine.load(buildGraph({ ...named, norm }));
  const outputs = await program.run(
    Object.fromEntries(shapes.map((shape, i) => [`g${i}`, tensor('f32', shape, at(values, i))])),
  );
  program.release();
  return {
    found: shapes.map((_, i) => Array.from(outputs[`y${i}`]?.data ?? [])),
    norm: outputs['norm']?.data[0] ?? Number.NaN,
  };
}

const noise = (scale: number) => shapes.map((shape, i) => normal(shape, i + 1, scale).data);

for (const engine of engines) {
  for (const [scale, maxNorm] of [
    [1, 1],
    [1, 100],
    [1e-4, 1e-4],
    [1e6, 0.5],
    [1, 0],
  ] as const) {
    test(`gradients of size ${scale} clipped to ${maxNorm} as torch's clip_grad_norm_ does, on ${engine.name}`, async () => {
      const values = noise(scale);
      const norm = Math.sqrt(values.flatMap((g) => [...g]).reduce((sum, g) => sum + g * g, 0));
      const factor = maxNorm === 0 ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
      const { found, norm: measured } = await clipped(engine, maxNorm, values);
      assert.ok(Math.abs(measured - norm) < 1e-6 * norm, `${measured} against ${norm}`);
      values.forEach((g, i) =>
        g.forEach((value, j) => {
          const want = value * factor;
          const got = found[i]?.[j] ?? Number.NaN;
          if (factor === 1) assert.equal(got, value);
          else assert.ok(Math.abs(got - want) < 1e-6 * Math.abs(want), `${got} against ${want}`);
        }),
      );
    });
  }

  test(`a zero gradient stays zero, on ${engine.name}`, async () => {
    const { found, norm } = await clipped(engine, 1, noise(0));
    assert.equal(norm, 0);
    assert.ok(found.flat().every((value) => value === 0));
  });
}
