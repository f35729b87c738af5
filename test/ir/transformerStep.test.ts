import assert from 'node:assert/strict';
import { test } from 'node:test';
import { i32, normal } from '../../src/ir/dense.ts';
import { gradients, valueAndGrad } from '../../src/ir/grad.ts';
import { buildGraph, type Graph, input, type Value } from '../../src/ir/graph.ts';
import { hessianVectorProduct, jvp } from '../../src/ir/jvp.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { neg } from '../../src/ir/ops/neg.ts';
import { mean } from '../../src/ir/ops/reduceMean.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { round } from '../../src/ir/ops/round.ts';
import { straightThrough } from '../../src/ir/ops/straightThrough.ts';
import { tokenLogprobs } from '../../src/ir/ops/tokenLogprobs.ts';
import { tap, withPatches, withTaps } from '../../src/ir/taps.ts';
import type { Dense } from '../../src/ir/types.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { plainSites, wrapSites } from '../../src/nn/sites.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { relativeError } from '../parity.ts';
import { fastEngines } from '../runtime/engines.ts';

type Values = Readonly<Record<string, Value>>;
type Found = Readonly<Record<string, ArrayLike<number>>>;

const [batch, time, vocabSize, width] = [2, 6, 13, 12];
const model = languageModel({
  model_type: 'llama',
  vocab_size: vocabSize,
  hidden_size: width,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_key_value_heads: 1,
  max_position_embeddings: 16,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: false,
});

const shapes = new Map(model.parameters.map(({ name, shape }) => [name, shape]));
const leaves: Values = Object.fromEntries([...shapes].map(([name, shape]) => [name, input(name, 'f32', shape)]));
const [ids, positions] = [input('ids', 'i32', [batch, time]), input('positions', 'i32', [batch, time])];
const labels = input('labels', 'i32', [batch * time]);
const numbers = (of: (i: number) => number): number[] => Array.from({ length: batch * time }, (_, i) => of(i));
const feeds: Readonly<Record<string, Dense>> = {
  ids: i32(
    [batch, time],
    numbers((i) => (i * 5) % vocabSize),
  ),
  positions: i32(
    [batch, time],
    numbers((i) => i % time),
  ),
  labels: i32(
    [batch * time],
    numbers((i) => (i * 3 + 2) % vocabSize),
  ),
  ...Object.fromEntries([...shapes].map(([name, shape], i) => [name, normal(shape, 20 + i, 0.4)])),
};

const get = <T>(values: Readonly<Record<string, T>>, name: string): T => values[name] ?? assert.fail(name);

/** Mean cross-entropy of a two-layer Llama; the output of every block is named. */
function lossOf(p: Values, recompute = false): Value {
  const named = wrapSites({ block: (operands, base, name) => tap(base(operands), name) });
  const { hidden } = model.hidden({
    param: (name) => get(p, name),
    ids,
    positions,
    segments: null,
    positionLimit: time,
    sites: recompute ? plainSites : named,
    recompute,
  });
  return neg(mean(tokenLogprobs(reshape(hidden, [batch * time, width]), get(p, model.head), labels)));
}

const wrt = Object.values(leaves);
const graphOf = (outputs: readonly Value[]): Graph =>
  buildGraph(Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])));

/** What a graph gives in f64; every other engine has to give it within `tolerance` of each output's largest element. */
async function run(graph: Graph, more: Readonly<Record<string, Dense>> = {}, tolerance = 1e-5): Promise<Found> {
  const all = { ...feeds, ...more };
  const used = Object.fromEntries(graph.leaves.map(({ name }) => [name, get(all, name)]));
  const expected = evaluate(graph, used);
  for (const engine of fastEngines) {
    const program = await engine.load(graph);
    const fed = Object.entries(used).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]);
    const found = await program.run(Object.fromEntries(fed));
    program.release();
    for (const [name, { data }] of Object.entries(expected)) {
      const error = relativeError(found[name]?.data ?? [], data);
      assert.ok(error < tolerance, `${engine.name}: ${name}: relative error ${error}`);
    }
  }
  return Object.fromEntries(Object.entries(expected).map(([name, { data }]) => [name, data]));
}

const plain = await run(graphOf([lossOf(leaves), ...gradients(lossOf(leaves), wrt)]));

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

test('recompute changes neither the loss nor a gradient', async () => {
  const { value, grads } = valueAndGrad((p) => lossOf(p, true))(leaves);
  const found = await run(graphOf([value, ...wrt.map((_, i) => get(grads, Object.keys(leaves)[i] ?? ''))]));
  for (const [name, data] of Object.entries(plain)) assert.ok(relativeError(get(found, name), data) < 1e-12, name);
});

test('straight through rounding, weights get the gradient at the rounded ones', async () => {
  const rounded = (x: Value): Value => mul(round(mul(x, 8)), 1 / 8);
  const codes = Object.fromEntries(Object.entries(leaves).map(([name, x]) => [name, straightThrough(x, rounded(x))]));
  const through = await run(graphOf([lossOf(codes), ...gradients(lossOf(codes), wrt)]));
  const nearest = Object.fromEntries(
    Object.keys(leaves).map((name) => {
      const { dtype, shape, data } = get(feeds, name);
      return [name, { dtype, shape, data: evaluateRounding(data) }];
    }),
  );
  const at = evaluate(graphOf([lossOf(leaves), ...gradients(lossOf(leaves), wrt)]), { ...feeds, ...nearest });
  for (const [name, { data }] of Object.entries(at)) assert.ok(relativeError(get(through, name), data) < 1e-12, name);
});

/** To eighths, halves to even. */
const evaluateRounding = (data: Float64Array): Float64Array =>
  data.map((x) => {
    const scaled = x * 8;
    const down = Math.floor(scaled);
    const up = scaled - down > 0.5 || (scaled - down === 0.5 && down % 2 !== 0);
    return (up ? down + 1 : down) / 8;
  });

test('the derivative along the gradient is its square, and forward mode knows no other', async () => {
  const tangents = wrt.map(({ type }, i) => input(`t${i}`, 'f32', type.shape));
  const fed = Object.fromEntries(
    wrt.map(({ type }, i) => [`t${i}`, { ...type, data: Float64Array.from(get(plain, `y${i + 1}`)) }]),
  );
  const found = await run(graphOf(jvp([lossOf(leaves)], wrt, tangents)), fed);
  const square = wrt.reduce((sum, _, i) => sum + dot(get(plain, `y${i + 1}`), get(plain, `y${i + 1}`)), 0);
  assert.ok(relativeError(get(found, 'y0'), [square]) < 1e-10);
});

test('Hessian-vector products are symmetric and those of central differences', async () => {
  const vectors = ['u', 'v'].map((name, k) => {
    const operands = wrt.map(({ type }, i) => normal(type.shape, 300 + 50 * k + i));
    const inputs = wrt.map(({ type }, i) => input(`${name}${i}`, 'f32', type.shape));
    return { operands, inputs, fed: Object.fromEntries(operands.map((x, i) => [`${name}${i}`, x])) };
  });
  const [u, v] = vectors as [(typeof vectors)[0], (typeof vectors)[0]];
  const of = ({ inputs, fed }: typeof u): Promise<Found> =>
    run(graphOf(hessianVectorProduct(lossOf(leaves), wrt, inputs)), fed, 1e-4);
  const [hu, hv] = [await of(u), await of(v)];
  const product = (h: Found, along: typeof u): number =>
    along.operands.reduce((sum, { data }, i) => sum + dot(get(h, `y${i}`), data), 0);
  assert.ok(relativeError([product(hu, v)], [product(hv, u)]) < 1e-9);
  const slopes = graphOf(gradients(lossOf(leaves), wrt));
  const h = 1e-5;
  const [up, down] = [h, -h].map((by) => {
    const moved = Object.keys(leaves).map((name, i): [string, Dense] => {
      const { data, ...type } = get(feeds, name);
      return [name, { ...type, data: data.map((x, j) => x + by * (u.operands[i]?.data[j] ?? 0)) }];
    });
    return evaluate(slopes, { ...feeds, ...Object.fromEntries(moved) });
  });
  for (const [name, found] of Object.entries(hu)) {
    const numeric = up?.[name]?.data.map((x, j) => (x - (down?.[name]?.data[j] ?? 0)) / (2 * h)) ?? [];
    assert.ok(relativeError(found, numeric) < 1e-6, name);
  }
});

test('a block read is a block that can be put back, zeroed or differentiated by', async () => {
  const loss = lossOf(leaves);
  const name = 'model.layers.0';
  const graph = buildGraph({ loss });
  const read = await run(withTaps(graph, [name]));
  const hidden = get(read, name);
  const type = { dtype: 'f32' as const, shape: [batch, time, width] };
  const patched = withPatches(graph, [name]);
  const put = (data: Float64Array): Promise<Found> => run(patched, { [name]: { ...type, data } });
  assert.equal(get(await put(Float64Array.from(hidden)), 'loss')[0], get(plain, 'y0')[0]);
  const zeroed = await put(new Float64Array(batch * time * width));
  assert.ok(Math.abs((get(zeroed, 'loss')[0] ?? 0) - (get(plain, 'y0')[0] ?? 0)) > 1e-3);
  // The gradient by the patch is the gradient by the tapped value.
  const leaf = patched.leaves.find((each) => each.name === name)?.value ?? assert.fail();
  const byPatch = gradients(patched.outputs.get('loss') ?? assert.fail(), [leaf]);
  const found = await run(graphOf(byPatch), { [name]: { ...type, data: Float64Array.from(hidden) } });
  const tapped = withTaps(graph, [name]).outputs.get(name) ?? assert.fail();
  const byTap = await run(graphOf(gradients(loss, [tapped])));
  assert.ok(relativeError(get(found, 'y0'), get(byTap, 'y0')) < 1e-12);
});
