import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dense, normal } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, type Graph, input, type Value } from '../../src/ir/graph.ts';
import { attention } from '../../src/ir/ops/attention.ts';
import { cachedAttention } from '../../src/ir/ops/cachedAttention.ts';
import { cos } from '../../src/ir/ops/cos.ts';
import { arange } from '../../src/ir/ops/arange.ts';
import { broadcastTo } from '../../src/ir/ops/broadcastTo.ts';
import { cast } from '../../src/ir/ops/cast.ts';
import { concat } from '../../src/ir/ops/concat.ts';
import { constant, filled } from '../../src/ir/ops/constant.ts';
import { linear } from '../../src/ir/ops/linear.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { reshape } from '../../src/ir/ops/reshape.ts';
import { slice } from '../../src/ir/ops/slice.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { type Dense, type Shape, sizeOf } from '../../src/ir/types.ts';
import { attend } from '../../src/nn/attend.ts';
import {
  alibi,
  alibiSlopes,
  type PositionBias,
  relativeBucket,
  type RelativeBuckets,
  relativePositions,
} from '../../src/nn/positionBias.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { readFixture, relativeError } from '../parity.ts';
import { fastEngines } from '../runtime/engines.ts';

type Nested = number | readonly Nested[];

interface Layer extends RelativeBuckets {
  readonly heads: number;
  readonly weights: Readonly<Record<string, Nested>>;
  readonly x: Nested;
  readonly y: Nested;
  readonly gradients: Readonly<Record<string, Nested>>;
}

const fixture = readFixture('positionBiases.json') as {
  readonly slopes: Readonly<Record<string, readonly number[]>>;
  readonly buckets: readonly (RelativeBuckets & { readonly from: number; readonly ids: readonly number[] })[];
  readonly alibi: Layer;
  readonly relative: Layer;
  readonly relativeBoth: Layer;
};

function denseOf(nested: Nested): Dense {
  const shape: number[] = [];
  for (let part = nested; typeof part !== 'number'; part = part[0] ?? 0) shape.push(part.length);
  return dense('f32', shape, ([nested] as readonly Nested[]).flat(10) as number[]);
}

test('slopes and buckets are those of transformers', () => {
  for (const [heads, slopes] of Object.entries(fixture.slopes)) {
    assert.ok(relativeError(alibiSlopes(Number(heads)), slopes) < 3e-7, `${heads} heads`);
  }
  for (const { from, ids, ...options } of fixture.buckets) {
    const found = ids.map((_, i) => relativeBucket(-(from + i), options));
    assert.deepEqual(found, ids, JSON.stringify(options));
  }
  assert.throws(() => alibiSlopes(0), /at least 1 head but found 0/);
  assert.throws(
    () => relativePositions(input('t', 'f32', [8, 2]), { buckets: 4, maxDistance: 8, bidirectional: false }),
    /a table \[4, H\] but found \[8, 2\]/,
  );
});

interface Operands {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/** What differs between the layers: their projections, and the bias of their weights. */
interface Form {
  readonly layer: Layer;
  readonly causal: boolean;
  readonly scale?: number;
  readonly bias: (weights: Readonly<Record<string, Value>>) => PositionBias;
  readonly project: (x: Value, weights: Readonly<Record<string, Value>>) => Operands;
  readonly out: (y: Value, weights: Readonly<Record<string, Value>>) => Value;
  readonly table?: string;
}

const get = <T>(values: Readonly<Record<string, T>>, name: string): T => values[name] ?? assert.fail(name);

const split = (x: Value, heads: number): Value => {
  const [batch = 1, time = 1, width = 1] = x.type.shape;
  return reshape(x, [batch, time, heads, width / heads]);
};

const merged = (y: Value): Value => {
  const [batch = 1, time = 1, heads = 1, width = 1] = y.type.shape;
  return reshape(y, [batch, time, heads * width]);
};

const t5 = (layer: Layer): Form => ({
  layer,
  causal: !layer.bidirectional,
  scale: 1,
  table: 'relative_attention_bias.weight',
  bias: (weights) => relativePositions(get(weights, 'relative_attention_bias.weight'), layer),
  project: (x, weights) => {
    const part = (name: string): Value => split(linear(x, get(weights, `${name}.weight`)), layer.heads);
    return { q: part('q'), k: part('k'), v: part('v') };
  },
  out: (y, weights) => linear(merged(y), get(weights, 'o.weight')),
});

const forms: Readonly<Record<string, Form>> = {
  'ALiBi as Bloom has it': {
    layer: fixture.alibi,
    causal: true,
    bias: () => alibi(fixture.alibi.heads),
    project: (x, weights) => {
      const { heads } = fixture.alibi;
      const [batch = 1, time = 1, width = 1] = x.type.shape;
      const all = linear(x, get(weights, 'query_key_value.weight'), get(weights, 'query_key_value.bias'));
      const parted = reshape(all, [batch, time, heads, 3, width / heads]);
      const part = (i: number): Value => reshape(slice(parted, 3, i, i + 1), [batch, time, heads, width / heads]);
      return { q: part(0), k: part(1), v: part(2) };
    },
    out: (y, weights) => linear(merged(y), get(weights, 'dense.weight'), get(weights, 'dense.bias')),
  },
  "T5's relative positions, causal": t5(fixture.relative),
  "T5's relative positions, both ways": t5(fixture.relativeBoth),
};

async function onEveryEngine(
  graph: Graph,
  feeds: Readonly<Record<string, Dense>>,
  check: (found: Readonly<Record<string, ArrayLike<number>>>, tolerance: number, engine: string) => void,
): Promise<void> {
  const used = Object.fromEntries(graph.leaves.map(({ name }) => [name, get(feeds, name)]));
  const data = (results: Readonly<Record<string, { readonly data: ArrayLike<number> }>>) =>
    Object.fromEntries(Object.entries(results).map(([name, result]) => [name, result.data]));
  // Bloom's own softmax is in f32.
  check(data(evaluate(graph, used)), 1e-6, 'reference');
  for (const engine of fastEngines) {
    const program = await engine.load(graph);
    const fed = Object.entries(used).map(([name, x]) => [name, tensor(x.dtype, x.shape, x.data)]);
    check(data(await program.run(Object.fromEntries(fed))), 3e-6, engine.name);
    program.release();
  }
}

const leavesOf = ({ layer }: Form): { weights: Record<string, Value>; feeds: Record<string, Dense> } => {
  const feeds = Object.fromEntries(Object.entries(layer.weights).map(([name, values]) => [name, denseOf(values)]));
  const weights = Object.fromEntries(
    Object.entries(feeds).map(([name, { shape }]) => [name, input(name, 'f32', shape)]),
  );
  return { weights, feeds };
};

for (const [name, form] of Object.entries(forms)) {
  const { layer, causal } = form;
  const [x, y] = [denseOf(layer.x), denseOf(layer.y)];
  const [batch = 0, time = 0, width = 0] = x.shape;
  const scale = form.scale === undefined ? {} : { scale: form.scale };

  test(`${name}: attention and its gradients are those of transformers`, async () => {
    const { weights, feeds } = leavesOf(form);
    const leaf = input('x', 'f32', x.shape);
    const { q, k, v } = form.project(leaf, weights);
    const bias = form.bias(weights)({ queries: time, keys: time });
    const out = form.out(attention(q, k, v, { causal, bias, ...scale }), weights);
    const loss = sum(mul(out, reshape(cos(cast(arange(sizeOf(x.shape)), 'f32')), x.shape)));
    const table = form.table === undefined ? [] : [get(weights, form.table)];
    const [dx, dTable] = gradients(loss, [leaf, ...table]);
    const graph = buildGraph({ out, dx: dx ?? leaf, ...(dTable && { dTable }) });
    await onEveryEngine(graph, { ...feeds, x }, (found, tolerance, engine) => {
      assert.ok(relativeError(get(found, 'out'), y.data) < tolerance, engine);
      assert.ok(relativeError(get(found, 'dx'), denseOf(get(layer.gradients, 'x')).data) < tolerance, engine);
      if (form.table === undefined) return;
      const expected = denseOf(get(layer.gradients, form.table)).data;
      assert.ok(relativeError(get(found, 'dTable'), expected) < tolerance, engine);
    });
  });

  if (!causal) continue;
  test(`${name}: a prompt and then token by token over the cache, rows of different lengths, is the same`, async () => {
    const { weights, feeds } = leavesOf(form);
    const prompt = 5;
    // The second row goes on from its third token, over what the cache held of the others.
    const starts = [prompt, 3];
    const steps = time - prompt;
    const pick = (row: number, from: number, count: number): number[] =>
      Array.from(x.data.subarray((row * time + from) * width, (row * time + from + count) * width));
    const attend = (operand: Value, cache: { keys: Value; values: Value; lengths: Value }, fresh: boolean) => {
      const { q, k, v } = form.project(operand, weights);
      const places = { queries: q.type.shape[1] ?? 0, keys: time, offsets: fresh ? null : cache.lengths };
      const made = cachedAttention(q, k, v, cache, { fresh, bias: form.bias(weights)(places), ...scale });
      return { ...made, out: form.out(made.out, weights) };
    };
    const first = input('prompt', 'f32', [batch, prompt, width]);
    feeds['prompt'] = dense('f32', first.type.shape, [...pick(0, 0, prompt), ...pick(1, 0, prompt)]);
    const empty = input('empty', 'f32', [batch, layer.heads, time, form.project(first, weights).q.type.shape[3] ?? 0]);
    feeds['empty'] = dense('f32', empty.type.shape, new Float64Array(sizeOf(empty.type.shape)));
    const none = input('none', 'i32', [batch]);
    feeds['none'] = dense('i32', [batch], [0, 0]);
    let made = attend(first, { keys: empty, values: empty, lengths: none }, true);
    const outputs: Record<string, Value> = { prompt: made.out };
    for (let step = 0; step < steps; step++) {
      const token = input(`token ${step}`, 'f32', [batch, 1, width]);
      const lengths = input(`lengths ${step}`, 'i32', [batch]);
      feeds[`token ${step}`] = dense(
        'f32',
        token.type.shape,
        starts.flatMap((start, row) => pick(row, start + step, 1)),
      );
      feeds[`lengths ${step}`] = dense(
        'i32',
        [batch],
        starts.map((start) => start + step),
      );
      made = attend(token, { keys: made.keys, values: made.values, lengths }, false);
      outputs[`step ${step}`] = made.out;
    }
    const expected = (row: number, from: number, count: number): Float64Array =>
      y.data.subarray((row * time + from) * width, (row * time + from + count) * width);
    await onEveryEngine(buildGraph(outputs), feeds, (found, tolerance, engine) => {
      for (const row of [0, 1]) {
        const start = row * prompt * width;
        const opening = Array.from(get(found, 'prompt')).slice(start, start + prompt * width);
        assert.ok(relativeError(opening, expected(row, 0, prompt)) < tolerance, `${engine}, prompt of row ${row}`);
        for (let step = 0; step < steps; step++) {
          const each = Array.from(get(found, `step ${step}`)).slice(row * width, (row + 1) * width);
          const want = expected(row, (starts[row] ?? 0) + step, 1);
          assert.ok(relativeError(each, want) < 2 * tolerance, `${engine}, step ${step} of row ${row}`);
        }
      }
    });
  });
}

test('attention of a layer puts a prefix before its tokens, which the bias counts, in the cache too', async () => {
  const [batch, prompt, time, heads, width, length] = [2, 3, 4, 3, 2, 2];
  const shape = (count: number): Shape => [batch, count, heads, width];
  const tokens = ['q', 'k', 'v'].map((name) => input(name, 'f32', shape(time))) as [Value, Value, Value];
  const prefix = {
    keys: input('prefix keys', 'f32', [length, heads, width]),
    values: input('prefix values', 'f32', [length, heads, width]),
  };
  const table = input('table', 'f32', [8, heads]);
  const bias = relativePositions(table, { buckets: 8, maxDistance: 7, bidirectional: false });
  const shared = { segments: null, layer: 0, bias };
  const nothing = { cache: undefined, remember: () => assert.fail() };
  const cut = (from: number, to: number) => {
    const [q, k, v] = tokens.map((x) => slice(x, 1, from, to)) as [Value, Value, Value];
    return { q, k, v, prefix };
  };
  const whole = attend(cut(0, time), { ...shared, ...nothing });
  let held = { keys: filled('f32', [batch, heads, length + time, width], 0) } as { keys: Value; values: Value };
  held = { ...held, values: held.keys };
  const steps = [attendCached(0, prompt, 0)];
  for (let t = prompt; t < time; t++) steps.push(attendCached(t, t + 1, length + t));
  function attendCached(from: number, to: number, holds: number): Value {
    const cache = {
      keys: [held.keys],
      values: [held.values],
      lengths: broadcastTo(constant('i32', [], [holds]), [batch]),
      fresh: from === 0,
    };
    return attend(cut(from, to), { ...shared, cache, remember: (_, caches) => (held = caches) });
  }
  const graph = buildGraph({ whole, stepwise: concat(steps, 1) });
  const feeds = Object.fromEntries(graph.leaves.map(({ name, type }, i) => [name, normal(type.shape, i + 1)]));
  await onEveryEngine(graph, feeds, (found, tolerance, engine) => {
    assert.ok(relativeError(get(found, 'stepwise'), get(found, 'whole')) < tolerance, engine);
  });
  const packed = { ...shared, ...nothing, segments: input('s', 'i32', [batch, time]) };
  assert.throws(() => attend(cut(0, time), packed), /under a prefix and a position bias but found packed ones/);
});
