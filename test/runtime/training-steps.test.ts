import assert from 'node:assert/strict';
import { test } from 'node:test';
import { i32, normal } from '../../src/ir/dense.ts';
import * as ir from '../../src/ir/index.ts';
import { type Dense, type Shape, type Value } from '../../src/ir/index.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { fastEngines } from './engines.ts';

type Values = Readonly<Record<string, Value>>;

const get = (values: Values, name: string): Value => {
  const value = values[name];
  assert.ok(value, name);
  return value;
};

/** Mean cross-entropy of logits [N, V]. */
const crossEntropy = (logits: Value, targets: Value): Value =>
  ir.neg(ir.mean(ir.takeAlong(ir.logSoftmax(logits), targets)));

/** Loss and gradients of every parameter on every engine; the largest difference relative to the largest gradient. */
async function compare(
  shapes: Readonly<Record<string, Shape>>,
  inputs: Readonly<Record<string, Dense>>,
  loss: (p: Values, inputs: Values) => Value,
): Promise<void> {
  const params = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, ir.input(name, 'f32', shape)]),
  );
  const fed = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, ir.input(name, dtype, shape)]),
  );
  const { value, grads } = ir.valueAndGrad((p: Values) => loss(p, fed))(params);
  const graph = ir.buildGraph({
    loss: value,
    ...Object.fromEntries(Object.entries(grads).map(([name, g]) => [`d ${name}`, g])),
  });
  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => [name, normal(shape, 10 + i, 0.4)]),
  );
  const dense = { ...inputs, ...weights };
  const expected = evaluate(graph, dense);
  for (const engine of fastEngines) {
    const program = await engine.load(graph);
    const found = await program.run(
      Object.fromEntries(
        Object.entries(dense).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]),
      ),
    );
    program.release();
    for (const [name, { data }] of Object.entries(expected)) {
      const largest = Math.max(...data.map(Math.abs));
      assert.ok(largest > 1e-4, `${engine.name}: ${name} is ${largest}`);
      data.forEach((want, i) => {
        const error = Math.abs((found[name]?.data[i] ?? Number.NaN) - want) / largest;
        assert.ok(error < 1e-5, `${engine.name}: ${name} at ${i}: relative error ${error}`);
      });
    }
  }
}

test('a step of a convolution net has the same gradients on every engine', async () => {
  await compare(
    {
      stem: [8, 3, 3, 3],
      scale: [8],
      shift: [8],
      deep: [8, 8, 3, 3],
      each: [8, 1, 3, 3],
      up: [8, 4, 2, 2],
      head: [5, 4],
      bias: [5],
    },
    { image: normal([2, 3, 9, 8], 1), labels: i32([2], [3, 0]) },
    (p, { image, labels }) => {
      const [stem, deep, each, up] = ['stem', 'deep', 'each', 'up'].map((name) => get(p, name)) as [
        Value,
        Value,
        Value,
        Value,
      ];
      const first = ir.conv(image as Value, stem, null, { stride: 2, padding: 1 });
      const normed = ir.relu(ir.groupNorm(first, 2, get(p, 'scale'), get(p, 'shift')));
      const mixed = ir.gelu(
        ir.conv(ir.conv(normed, deep, null, { padding: 1 }), each, null, { padding: 1, groups: 8 }),
      );
      const pooled = ir.add(ir.maxPool(mixed, { kernel: [2, 2] }), ir.avgPool(mixed, { kernel: [2, 2] }));
      const large = ir.resize(ir.convTranspose(pooled, up, null, { stride: 2 }), [7, 5], { mode: 'linear' });
      return crossEntropy(ir.linear(ir.mean(large, [2, 3]), get(p, 'head'), get(p, 'bias')), labels as Value);
    },
  );
});

test('a step of a state-space layer has the same gradients on every engine', async () => {
  const [time, batch, width, states] = [7, 2, 6, 4];
  await compare(
    {
      into: [width, 5],
      taps: [width, 1, 3],
      rate: [width, width],
      logA: [width, states],
      b: [states, width],
      c: [states, width],
      skip: [width],
      out: [9, width],
    },
    {
      x: normal([batch, time, 5], 2),
      labels: i32(
        [batch * time],
        Array.from({ length: batch * time }, (_, i) => (i * 5) % 9),
      ),
    },
    (p, { x, labels }) => {
      const inner = ir.transpose(ir.linear(x as Value, get(p, 'into')), [0, 2, 1]);
      const causal = ir.conv(inner, get(p, 'taps'), null, { padding: [[2, 0]], groups: width });
      // Time first, as scan wants it.
      const u = ir.transpose(ir.silu(causal), [2, 0, 1]);
      const xs = {
        u,
        delta: ir.softplus(ir.linear(u, get(p, 'rate'))),
        b: ir.linear(u, get(p, 'b')),
        c: ir.linear(u, get(p, 'c')),
      };
      const a = ir.neg(ir.exp(get(p, 'logA')));
      const column = (value: Value) => ir.reshape(value, [...value.type.shape, 1]);
      const row = (value: Value) => ir.reshape(value, [batch, 1, states]);
      const { outputs } = ir.scan(
        (carry: { readonly h: Value }, now: Values) => {
          const decayed = ir.mul(carry.h, ir.exp(ir.mul(column(get(now, 'delta')), a)));
          const h = ir.add(decayed, ir.mul(column(ir.mul(get(now, 'delta'), get(now, 'u'))), row(get(now, 'b'))));
          return { carry: { h }, outputs: { y: ir.sum(ir.mul(h, row(get(now, 'c'))), [-1]) } };
        },
        { h: ir.filled('f32', [batch, width, states], 0) },
        xs,
      );
      const y = ir.add(get(outputs, 'y'), ir.mul(u, get(p, 'skip')));
      const logits = ir.linear(ir.transpose(y, [1, 0, 2]), get(p, 'out'));
      return crossEntropy(ir.reshape(logits, [batch * time, 9]), labels as Value);
    },
  );
});

test('a step of a mixture of experts behind windowed, biased attention has the same gradients on every engine', async () => {
  const [time, width] = [6, 8];
  await compare(
    {
      q: [width, width],
      k: [width, width],
      v: [width, width],
      bias: [1, 2, time, time],
      scale: [width],
      shift: [width],
      router: [3, width],
      up: [3, width, width],
      head: [9, width],
    },
    {
      x: normal([2, time, width], 3),
      labels: i32(
        [2 * time],
        Array.from({ length: 2 * time }, (_, i) => (i * 4) % 9),
      ),
    },
    (p, { x, labels }) => {
      const heads = (name: string) => ir.reshape(ir.linear(x as Value, get(p, name)), [2, time, 2, width / 2]);
      const options = { causal: true, window: 4, bias: get(p, 'bias'), softCap: 2 };
      const mixed = ir.reshape(ir.attention(heads('q'), heads('k'), heads('v'), options), [2, time, width]);
      const normed = ir.layerNorm(ir.add(mixed, x as Value), get(p, 'scale'), get(p, 'shift'));
      const rows = ir.reshape(normed, [2 * time, width]);
      const routing = ir.route(ir.linear(rows, get(p, 'router')), 2);
      const experts = ir.split(get(p, 'up'), 0, 3).map((matrix) => ir.reshape(matrix, [width, width]));
      const y = ir.mixtureOfExperts(rows, routing, (chosen, e) => ir.silu(ir.linear(chosen, experts[e] as Value)), 10);
      const loss = crossEntropy(ir.linear(ir.add(rows, y), get(p, 'head')), labels as Value);
      return ir.add(loss, ir.mul(ir.balanceLoss(routing), 0.01));
    },
  );
});
