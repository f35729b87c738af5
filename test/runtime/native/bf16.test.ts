import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../src/ir/dense.ts';
import { vjp } from '../../../src/ir/grad.ts';
import { buildGraph, type Graph, input } from '../../../src/ir/graph.ts';
import { linear, matmul } from '../../../src/ir/index.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { nativeEngine } from '../../../src/runtime/node/native-engine.ts';
import { checkProperties } from '../../ir/properties/check.ts';
import { distance, opError } from '../opCases.ts';
import { bf16Bound, bf16Cases, bf16Properties, isRounded } from './bf16Cases.ts';
import { bf16Sets, engineOf, found, instructionSets } from './engines.ts';

const rounded = bf16Cases.filter(isRounded);
const others = bf16Cases.filter((each) => !isRounded(each) && each.isFirst);

for (const set of bf16Sets) {
  const engine = engineOf(set);
  test(
    `bf16 with ${set}: layers, attention and the vocabulary within 2^-6 of the largest value`,
    { skip: found.missing },
    async () => {
      let worst = 0;
      for (const each of rounded) {
        const { error = 0, output } = (await opError(engine(), each)) ?? {};
        assert.ok(error <= bf16Bound, `${each.name}, ${output}: relative error ${error}`);
        worst = Math.max(worst, error);
      }
      assert.ok(worst > 2 ** -10, `nothing was rounded: ${worst}`);
    },
  );
  test(`bf16 with ${set}: all else in f32`, { skip: found.missing }, async () => {
    for (const each of others) {
      const { error = 0, output } = (await opError(engine(), each)) ?? {};
      assert.ok(error <= each.tolerance, `${each.name}, ${output}: relative error ${error}`);
    }
  });
  const threads = [engineOf(set, 1), engineOf(set, 3)];
  test(
    `bf16 with ${set}: random operands, the same bits on one thread and three`,
    { skip: found.missing },
    async (t) => {
      const options = { seconds: 1, least: 2, first: 8001, sameBits: true };
      const engines = threads.map((open) => open());
      t.diagnostic(await checkProperties(bf16Properties, engines, options));
    },
  );
}

/** A product in two forms: the gradient of a layer's weight, and two operands that belong to none. */
function weightGradient(rows: number, out: number, inner: number): Graph {
  const [x, dy] = [input('x', 'f32', [rows, inner]), input('dy', 'f32', [rows, out])];
  const w = input('w', 'f32', [out, inner]);
  const [dw = w] = vjp([[linear(x, w), dy]], [w]);
  return buildGraph({ dw, product: matmul(dy, x, { transposeA: true }) });
}

for (const set of bf16Sets) {
  const engine = engineOf(set);
  test(
    `bf16 with ${set}: gradients of weights are rounded as their layers are, other products are not`,
    { skip: found.missing },
    async () => {
      const [rows, out, inner] = [37, 70, 99];
      const graph = weightGradient(rows, out, inner);
      const feeds = { x: normal([rows, inner], 1), dy: normal([rows, out], 2) };
      const expected = evaluate(graph, feeds);
      const program = await engine().load(graph);
      const { x, dy } = feeds;
      const outputs = await program.run({ x: tensor('f32', x.shape, x.data), dy: tensor('f32', dy.shape, dy.data) });
      program.release();
      const errorOf = (name: string): number => distance(outputs[name]?.data ?? [], expected[name]?.data ?? []);
      assert.ok(errorOf('dw') > 2 ** -12 && errorOf('dw') < bf16Bound, `dw: ${errorOf('dw')}`);
      assert.ok(errorOf('product') < 1e-6, `product: ${errorOf('product')}`);
    },
  );
}

test('an instruction set of another precision is refused', { skip: found.missing }, () => {
  const [bf16 = ''] = bf16Sets;
  const [fp32 = ''] = instructionSets;
  const open = (precision: 'fp32' | 'bf16', instructionSet: string) => (): unknown =>
    nativeEngine({ library: found.library ?? '', precision, instructionSet });
  assert.throws(open('fp32', bf16), /Expected an instruction set of fp32 among .* but found .*bf16/);
  assert.throws(open('bf16', fp32), /Expected an instruction set of bf16 among .*bf16.* but found/);
});
