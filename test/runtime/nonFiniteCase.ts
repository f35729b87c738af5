import { gradients } from '../../src/ir/grad.ts';
import { at, buildGraph, input, parameter } from '../../src/ir/graph.ts';
import { exp } from '../../src/ir/ops/exp.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { sqrt } from '../../src/ir/ops/sqrt.ts';
import { findNonFinite } from '../../src/runtime/nonFinite.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { weightStore } from '../../src/runtime/weights.ts';
import { check, type EngineCase } from './engineCase.ts';

/** Failed runs are explained alike on every engine. */
export const nonFiniteCase: EngineCase = {
  name: 'what made the first NaN is found: a weight, an input, or an op with its place, forward or backward',
  run: async (engine) => {
    const store = weightStore();
    const shape = [2, 2];
    const [a, b] = [parameter('model.a.weight', shape), parameter('model.b.weight', shape)];
    const h = linear(input('x', 'f32', [1, 2]), a);
    const loss = sum(mul(exp(linear(h, b)), sqrt(mul(h, h))));
    const graph = buildGraph({ loss, slope: at(gradients(loss, [a]), 0) });
    const { flat } = store.allocate('group', [
      { name: 'model.a.weight', shape },
      { name: 'model.b.weight', shape },
    ]);
    const { programs } = engine.memory();
    const unit = [1, 0, 0, 1];
    const of = '(?: of finite operands, in f32\\[1, 2\\] at element 1)$';
    const cases: readonly (readonly [found: string, x: readonly number[], b: readonly number[]])[] = [
      ['^parameter model.b.weight f32\\[2, 2\\] holds NaN at element 3$', [1, 2], [1, 0, 0, Number.NaN]],
      ['^input x f32\\[1, 2\\] holds Infinity at element 1$', [1, Number.POSITIVE_INFINITY], unit],
      [`^exp at model.b \\(forward\\) made Infinity${of}`, [1, 2], [1, 0, 0, 1e3]],
      [`^div at model.a \\(backward\\) made Infinity${of}`, [1, 0], unit],
      ['^undefined$', [1, 2], unit],
    ];
    for (const [expected, x, values] of cases) {
      (await store.get('model.a.weight').f32()).set(unit);
      (await store.get('model.b.weight').f32()).set(values);
      flat.touch();
      const run = { graph, inputs: { x: tensor('f32', [1, 2], x) }, weight: store.get, main: 'loss' };
      const found = String(await findNonFinite(engine, run));
      check(new RegExp(expected).test(found), `expected ${expected} but found ${found}`);
    }
    check(engine.memory().programs === programs, 'no program is left');
  },
};
