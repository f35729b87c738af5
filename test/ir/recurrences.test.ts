import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input, type Value } from '../../src/ir/graph.ts';
import { add } from '../../src/ir/ops/add.ts';
import { batchNorm, batchStatistics } from '../../src/ir/ops/batchNorm.ts';
import { cholesky } from '../../src/ir/ops/cholesky.ts';
import { inverse } from '../../src/ir/ops/inverse.ts';
import { matmul } from '../../src/ir/ops/matmul.ts';
import { balanceLoss, mixtureOfExperts, route } from '../../src/ir/ops/mixtureOfExperts.ts';
import { mul } from '../../src/ir/ops/mul.ts';
import { sum } from '../../src/ir/ops/reduceSum.ts';
import { solve } from '../../src/ir/ops/solve.ts';
import { tril } from '../../src/ir/ops/tril.ts';
import { scan } from '../../src/ir/scan.ts';
import type { Dense } from '../../src/ir/types.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';

function run(feeds: Readonly<Record<string, Dense>>, outputs: Readonly<Record<string, Value>>): Record<string, Dense> {
  const graph = buildGraph(outputs);
  const used = graph.leaves.map(({ name }) => [name, feeds[name] as Dense] as const);
  return evaluate(graph, Object.fromEntries(used));
}

const close = (found: ArrayLike<number> | undefined, expected: ArrayLike<number>, tolerance = 1e-12): void => {
  assert.equal(found?.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    assert.ok(
      Math.abs((found?.[i] ?? Number.NaN) - (expected[i] as number)) <= tolerance,
      `${i}: ${found?.[i]} for ${expected[i]}`,
    );
  }
};

test('solve solves, whatever the order of the rows asks for, and inverse inverts', () => {
  for (const n of [1, 2, 5, 16]) {
    const a = input('a', 'f32', [3, n, n]);
    const b = input('b', 'f32', [3, n, 2]);
    const x = solve(a, b);
    const feeds = { a: normal([3, n, n], n), b: normal([3, n, 2], 100 + n) };
    const found = run(feeds, { ax: matmul(a, x), identity: matmul(inverse(a), a) });
    close(found.ax?.data, feeds.b.data, 1e-9);
    const identity = Float64Array.from({ length: 3 * n * n }, (_, i) => (Math.floor(i / n) % n === i % n ? 1 : 0));
    close(found.identity?.data, identity, 1e-9);
  }
  assert.throws(
    () => solve(input('a', 'f32', [2, 3]), input('b', 'f32', [2, 1])),
    /solve: Expected A \[…, n, n\] but found \[2, 3\]/,
  );
});

test('cholesky reads the lower triangle alone and gives a factor of it', () => {
  const root = input('root', 'f32', [2, 4, 4]);
  const a = matmul(root, root, { transposeB: true });
  const found = run(
    { root: normal([2, 4, 4], 5) },
    {
      a,
      product: matmul(cholesky(a), cholesky(a), { transposeB: true }),
      ofLower: cholesky(tril(a)),
      l: cholesky(a),
    },
  );
  close(found.product?.data, found.a?.data as Float64Array, 1e-10);
  assert.deepEqual(found.ofLower?.data, found.l?.data);
});

const recurrence = (reverse: boolean) => {
  const [decay, x] = [input('decay', 'f32', [2]), input('x', 'f32', [4, 2])];
  const step = (carry: { readonly h: Value }, xs: Readonly<Record<string, Value>>) => {
    const h = add(mul(carry.h, decay), xs.x as Value);
    return { carry: { h }, outputs: { y: h } };
  };
  const { carry, outputs } = scan(step, { h: input('h', 'f32', [2]) }, { x }, { reverse });
  return { decay, x, h: carry.h, y: outputs.y as Value };
};

test('scan is the recurrence, forwards and backwards, and its gradients are those of the closed form', () => {
  const feeds = { decay: normal([2], 1), x: normal([4, 2], 2), h: normal([2], 3) };
  const decayed = (channel: number, order: readonly number[]) => {
    let h = feeds.h.data[channel] as number;
    return order.map(
      (t) => (h = h * (feeds.decay.data[channel] as number) + (feeds.x.data[t * 2 + channel] as number)),
    );
  };
  for (const reverse of [false, true]) {
    const { decay, x, h, y } = recurrence(reverse);
    const [dDecay, dx] = gradients(sum(h), [decay, x]) as [Value, Value];
    const found = run(feeds, { y, h, dDecay, dx });
    const order = reverse ? [3, 2, 1, 0] : [0, 1, 2, 3];
    for (const channel of [0, 1]) {
      const expected = decayed(channel, order);
      order.forEach((t, i) => close([found.y?.data[t * 2 + channel] as number], [expected[i] as number]));
      close([found.h?.data[channel] as number], [expected[3] as number]);
      const a = feeds.decay.data[channel] as number;
      order.forEach((t, i) => close([found.dx?.data[t * 2 + channel] as number], [a ** (3 - i)]));
      const before = [feeds.h.data[channel] as number, ...expected.slice(0, 3)];
      close(
        [found.dDecay?.data[channel] as number],
        [before.reduce((total, value, i) => total + value * a ** (3 - i), 0)],
      );
    }
  }
});

test('scan says what does not fit', () => {
  const step = (carry: { readonly h: Value }) => ({ carry: { h: sum(carry.h) }, outputs: {} });
  const h = input('h', 'f32', [2]);
  assert.throws(
    () => scan(step, { h }, { x: input('x', 'f32', [3]) }),
    /scan: expected h to stay f32\[2\] but found f32\[\] at step 0/,
  );
  assert.throws(
    () => scan(step, { h }, { a: input('a', 'f32', [3]), b: input('b', 'f32', [2]) }),
    /one length above 0 but found a of 3, b of 2/,
  );
  assert.throws(() => scan(step, { h }, {}), /found none/);
});

test('a mixture of experts is the weighted sum over the chosen ones, whether all tokens are run or only those chosen', () => {
  const [x, logits] = [input('x', 'f32', [6, 3]), input('logits', 'f32', [6, 4])];
  const matrices = Array.from({ length: 4 }, (_, e) => input(`w${e}`, 'f32', [3, 3]));
  const feeds = {
    x: normal([6, 3], 1),
    logits: normal([6, 4], 2),
    ...Object.fromEntries(matrices.map((_, e) => [`w${e}`, normal([3, 3], 10 + e)])),
  };
  const routing = route(logits, 2);
  const expert = (rows: Value, e: number) => matmul(rows, matrices[e] as Value, { transposeB: true });
  const outputs = Object.fromEntries(
    [6, 5].map((capacity) => [`y${capacity}`, mixtureOfExperts(x, routing, expert, capacity)]),
  );
  const gradient = (capacity: number) =>
    gradients(sum(mul(outputs[`y${capacity}`] as Value, x)), [x, logits, ...matrices]);
  const [all, some] = [gradient(6), gradient(5)];
  const found = run(feeds, {
    ...outputs,
    ...Object.fromEntries(all.map((g, i) => [`all${i}`, g])),
    ...Object.fromEntries(some.map((g, i) => [`some${i}`, g])),
    loss: balanceLoss(routing),
  });
  const row = (data: Float64Array, i: number, width: number) => Array.from(data.subarray(i * width, (i + 1) * width));
  for (let token = 0; token < 6; token++) {
    const scores = row(feeds.logits.data, token, 4);
    const best = [0, 1, 2, 3].toSorted((a, b) => (scores[b] as number) - (scores[a] as number)).slice(0, 2);
    const total = best.reduce((sum, e) => sum + Math.exp(scores[e] as number), 0);
    const expected = [0, 0, 0];
    for (const e of best) {
      const matrix = (feeds as Record<string, Dense>)[`w${e}`] as Dense;
      const inputs = row(feeds.x.data, token, 3);
      for (let o = 0; o < 3; o++) {
        const product = inputs.reduce((sum, value, i) => sum + value * (matrix.data[o * 3 + i] as number), 0);
        expected[o] = (expected[o] as number) + (Math.exp(scores[e] as number) / total) * product;
      }
    }
    close(row(found.y6?.data as Float64Array, token, 3), expected);
  }
  close(found.y5?.data, found.y6?.data as Float64Array);
  all.forEach((_, i) => close(found[`some${i}`]?.data, found[`all${i}`]?.data as Float64Array, 1e-10));
  assert.ok((found.loss?.data[0] as number) > 0.5);
  assert.throws(() => mixtureOfExperts(x, routing, expert, 7), /a capacity in \[1, 6\] but found 7/);
});

test('batchNorm with statistics of the batch gives each channel mean b and deviation w', () => {
  const x = input('x', 'f32', [4, 2, 5]);
  const [weight, bias] = [input('weight', 'f32', [2]), input('bias', 'f32', [2])];
  const feeds = { x: normal([4, 2, 5], 1, 3), weight: normal([2], 2), bias: normal([2], 3) };
  const y = batchNorm(x, batchStatistics(x), weight, bias, 0);
  const statistics = batchStatistics(y);
  const found = run(feeds, { mean: statistics.mean, variance: statistics.variance });
  close(found.mean?.data, feeds.bias.data, 1e-10);
  close(
    found.variance?.data,
    feeds.weight.data.map((value) => value * value),
    1e-10,
  );
});
