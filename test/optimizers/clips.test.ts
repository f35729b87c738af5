import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { at, buildGraph, input } from '../../src/ir/graph.ts';
import { clipByComponentNorm } from '../../src/optimizers/clipByComponentNorm.ts';
import { clipByGlobalNorm } from '../../src/optimizers/clipByGlobalNorm.ts';
import type { GradientTransform } from '../../src/optimizers/optimizer.ts';
import type { Engine } from '../../src/runtime/engine.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { referenceEngine } from '../../src/runtime/reference.ts';
import { tensor } from '../../src/runtime/tensor.ts';

const engines: readonly Engine[] = [referenceEngine(), ortEngine({ threads: 2 })];
after(() => engines.forEach((engine) => engine.close()));

const shapes = [[3, 4], [7], []];
type Gradients = readonly ArrayLike<number>[];

async function clipped(
  engine: Engine,
  transform: GradientTransform,
  values: Gradients,
): Promise<{ readonly found: number[][]; readonly metrics: Readonly<Record<string, number>> }> {
  const leaves = shapes.map((shape, i) => input(`g${i}`, 'f32', shape));
  const { gradients, metrics } = transform.apply(leaves);
  const named = Object.fromEntries(gradients.map((gradient, i) => [`y${i}`, gradient]));
  const program = await engine.load(buildGraph({ ...named, ...metrics }));
  const outputs = await program.run(
    Object.fromEntries(shapes.map((shape, i) => [`g${i}`, tensor('f32', shape, at(values, i))])),
  );
  program.release();
  return {
    found: shapes.map((_, i) => Array.from(outputs[`y${i}`]?.data ?? [])),
    metrics: Object.fromEntries(Object.keys(metrics).map((name) => [name, outputs[name]?.data[0] ?? Number.NaN])),
  };
}

const noise = (scale: number): Gradients => shapes.map((shape, i) => normal(shape, i + 1, scale).data);
const normOf = (values: Gradients): number =>
  Math.sqrt(values.flatMap((g) => Array.from(g)).reduce((sum, g) => sum + g * g, 0));
/** torch's clip_grad_norm_ of these tensors together. */
const factorOf = (values: Gradients, maxNorm: number): number =>
  maxNorm === 0 ? 1 : Math.min(1, maxNorm / (normOf(values) + 1e-6));

const kinds = {
  global: { clip: clipByGlobalNorm, factors: (values: Gradients, c: number) => values.map(() => factorOf(values, c)) },
  component: {
    clip: clipByComponentNorm,
    factors: (values: Gradients, c: number) => values.map((each) => factorOf([each], c)),
  },
};

for (const engine of engines) {
  for (const [kind, { clip, factors }] of Object.entries(kinds)) {
    for (const [scale, maxNorm] of [
      [1, 1],
      [1, 100],
      [1e-4, 1e-4],
      [1e6, 0.5],
      [1, 0],
    ] as const) {
      test(`${kind}: gradients of size ${scale} clipped to ${maxNorm} as torch's clip_grad_norm_ does, on ${engine.name}`, async () => {
        const values = noise(scale);
        const expected = factors(values, maxNorm);
        const { found, metrics } = await clipped(engine, clip(maxNorm), values);
        values.forEach((g, i) =>
          Array.from(g).forEach((value, j) => {
            const factor = at(expected, i);
            const [want, got] = [value * factor, found[i]?.[j] ?? Number.NaN];
            if (factor === 1) assert.equal(got, Math.fround(value));
            else assert.ok(Math.abs(got - want) < 1e-6 * Math.abs(want), `${got} against ${want}`);
          }),
        );
        if (kind === 'component' && maxNorm > 0) {
          const share = expected.filter((factor) => factor < 1).length / expected.length;
          assert.ok(Math.abs((metrics['clippedShare'] ?? NaN) - share) < 1e-6);
        } else assert.deepEqual(metrics, {});
      });
    }

    test(`${kind}: a zero gradient stays zero, on ${engine.name}`, async () => {
      const { found } = await clipped(engine, clip(1), noise(0));
      assert.ok(found.flat().every((value) => value === 0));
    });
  }
}

test('each component is clipped alone: a large one leaves a small one as it is', async () => {
  const engine = at(engines, 0);
  const values = [new Float64Array(12).fill(100), new Float64Array(7).fill(0.125), new Float64Array(1)];
  const { found } = await clipped(engine, clipByComponentNorm(1), values);
  assert.ok(Math.abs(normOf([at(found, 0)]) - 1) < 1e-6);
  assert.deepEqual(found[1], [...at(values, 1)]);
});
