import assert from 'node:assert/strict';
import { buildGraph, type Value } from '../../../src/ir/graph.ts';
import type { Dense } from '../../../src/ir/types.ts';
import type { Engine, Tensors } from '../../../src/runtime/engine.ts';
import { evaluate } from '../../../src/runtime/evaluate.ts';
import { tensor } from '../../../src/runtime/tensor.ts';
import { drawn, type Property } from './draw.ts';

/** Largest difference relative to the largest magnitude, 1 at least; infinities and NaN must agree. */
function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = Math.max(1, ...Array.from(expected, Math.abs).filter(Number.isFinite));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [have, want] = [found[i] as number, Math.fround(expected[i] as number)];
    if (!Number.isFinite(want)) worst = Object.is(have, want) ? worst : Number.POSITIVE_INFINITY;
    else worst = Math.max(worst, Number.isFinite(have) ? Math.abs(have - want) / scale : Number.POSITIVE_INFINITY);
  }
  return worst;
}

const shapesOf = (feeds: Readonly<Record<string, Dense>>): string =>
  Object.values(feeds)
    .map(({ dtype, shape }) => `${dtype}[${shape.join(', ')}]`)
    .join(' ');

/** All properties at one seed as one program. Throws AssertionError naming property, seed, engine and operands. */
async function checkSeed(
  properties: readonly Property[],
  engines: readonly Engine[],
  seed: number,
  sameBits: boolean,
): Promise<number> {
  const cases = properties.map((property) => ({ property, ...drawn(property, seed) }));
  const outputs: Record<string, Value> = Object.assign({}, ...cases.map((each) => each.outputs));
  const feeds: Record<string, Dense> = Object.assign({}, ...cases.map((each) => each.feeds));
  const graph = buildGraph(outputs);
  const used = Object.fromEntries(graph.leaves.map(({ name }) => [name, feeds[name] as Dense]));
  const expected = evaluate(graph, used);
  let first: Tensors | undefined;
  const fed = Object.entries(used).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]);
  for (const engine of engines) {
    const program = await engine.load(graph);
    const found = await program.run(Object.fromEntries(fed) as Tensors);
    program.release();
    first ??= found;
    for (const { property, outputs: own, feeds: operands } of cases) {
      const { exact = false, identity = false, tolerance = 5e-6 } = property;
      const place = `${engine.name}, seed ${seed}, operands ${shapesOf(operands)}`;
      const names = Object.keys(own);
      for (const name of names) {
        const error = distance(found[name]?.data ?? [], expected[name]?.data ?? []);
        assert.ok(error <= (exact ? 0 : tolerance), `${name}: relative error ${error}: ${place}`);
        if (sameBits) assert.deepEqual(found[name]?.data, first[name]?.data, `${name}: ${place}`);
      }
      if (!identity) continue;
      const [left, right] = names.map((name) => Array.from(found[name]?.data ?? []));
      assert.deepEqual(left, right, `${property.name}: ${place}`);
    }
  }
  return Object.keys(outputs).length;
}

const most = 40;

export interface CheckOptions {
  readonly seconds: number;
  readonly least: number;
  /** The first seed. */
  readonly first?: number;
  /** All engines give the same bits. */
  readonly sameBits?: boolean;
}

/** Draws every property at one seed after another until `seconds` are over, `least` to 40 times; says what was done. */
export async function checkProperties(
  properties: readonly Property[],
  engines: readonly Engine[],
  { seconds, least, first = 1000, sameBits = false }: CheckOptions,
): Promise<string> {
  const end = performance.now() + 1000 * seconds;
  let draws = 0;
  let compared = 0;
  while (draws < least || (draws < most && performance.now() < end)) {
    compared += await checkSeed(properties, engines, first + 17 * draws, sameBits);
    draws++;
  }
  const names = engines.map(({ name }) => name).join(' and ');
  return `${draws} draws from seed ${first}, ${compared} values on ${names}`;
}
