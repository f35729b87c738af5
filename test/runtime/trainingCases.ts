import { i32, normal } from '../../src/ir/dense.ts';
import * as ir from '../../src/ir/index.ts';
import type { Dense, Graph, Shape, Value } from '../../src/ir/index.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { plainSites } from '../../src/nn/sites.ts';
import type { Engine, Tensors } from '../../src/runtime/engine.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { tensor } from '../../src/runtime/tensor.ts';

type Values = Readonly<Record<string, Value>>;

/** A training step whose loss and gradients every engine has to agree on; runs anywhere, in a page too. */
export interface TrainingCase {
  readonly name: string;
  /** Of the parameters. */
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly inputs: Readonly<Record<string, Dense>>;
  readonly loss: (p: Values, inputs: Values) => Value;
}

const get = (values: Values, name: string): Value => {
  const value = values[name];
  if (!value) throw new RangeError(`Expected a value of ${name} but found none`);
  return value;
};

/** Mean cross-entropy of logits [N, V]. */
const crossEntropy = (logits: Value, targets: Value): Value =>
  ir.neg(ir.mean(ir.takeAlong(ir.logSoftmax(logits), targets)));

function transformer(): TrainingCase {
  const [batch, time, vocabSize] = [2, 5, 11];
  const model = languageModel({
    model_type: 'llama',
    vocab_size: vocabSize,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 16,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    tie_word_embeddings: false,
  });
  const count = batch * time;
  const numbers = (of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i));
  return {
    name: 'a transformer of two layers',
    shapes: Object.fromEntries(model.parameters.map(({ name, shape }) => [name, shape])),
    inputs: {
      ids: i32(
        [batch, time],
        numbers((i) => (i * 7) % vocabSize),
      ),
      positions: i32(
        [batch, time],
        numbers((i) => i % time),
      ),
      labels: i32(
        [count],
        numbers((i) => (i * 3 + 1) % vocabSize),
      ),
    },
    loss: (p, { ids, positions, labels }) => {
      const { hidden } = model.hidden({
        param: (name) => get(p, name),
        ids: ids as Value,
        positions: positions as Value,
        segments: null,
        positionLimit: time,
        sites: plainSites,
      });
      return crossEntropy(ir.linear(ir.reshape(hidden, [count, 16]), get(p, model.head)), labels as Value);
    },
  };
}

function convolutionNet(): TrainingCase {
  return {
    name: 'a convolution net',
    shapes: {
      stem: [8, 3, 3, 3],
      scale: [8],
      shift: [8],
      deep: [8, 8, 3, 3],
      each: [8, 1, 3, 3],
      up: [8, 4, 2, 2],
      head: [5, 4],
      bias: [5],
    },
    inputs: { image: normal([2, 3, 9, 8], 1), labels: i32([2], [3, 0]) },
    loss: (p, { image, labels }) => {
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
  };
}

function stateSpaceLayer(): TrainingCase {
  const [time, batch, width, states] = [7, 2, 6, 4];
  return {
    name: 'a state-space layer',
    shapes: {
      into: [width, 5],
      taps: [width, 1, 3],
      rate: [width, width],
      logA: [width, states],
      b: [states, width],
      c: [states, width],
      skip: [width],
      out: [9, width],
    },
    inputs: {
      x: normal([batch, time, 5], 2),
      labels: i32(
        [batch * time],
        Array.from({ length: batch * time }, (_, i) => (i * 5) % 9),
      ),
    },
    loss: (p, { x, labels }) => {
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
  };
}

function mixtureOfExperts(): TrainingCase {
  const [time, width] = [6, 8];
  return {
    name: 'a mixture of experts behind windowed, biased attention',
    shapes: {
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
    inputs: {
      x: normal([2, time, width], 3),
      labels: i32(
        [2 * time],
        Array.from({ length: 2 * time }, (_, i) => (i * 4) % 9),
      ),
    },
    loss: (p, { x, labels }) => {
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
  };
}

export const trainingCases: readonly TrainingCase[] = [
  transformer(),
  convolutionNet(),
  stateSpaceLayer(),
  mixtureOfExperts(),
];

function graphOf({ shapes, inputs, loss }: TrainingCase): Graph {
  const params = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, ir.input(name, 'f32', shape)]),
  );
  const fed = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [name, ir.input(name, dtype, shape)]),
  );
  const { value, grads } = ir.valueAndGrad((p: Values) => loss(p, fed))(params);
  const named = Object.entries(grads).map(([name, gradient]) => [`d ${name}`, gradient]);
  return ir.buildGraph({ loss: value, ...(Object.fromEntries(named) as Values) });
}

/**
 * Loss and gradients on an engine against the reference: the largest difference relative to the largest element of its
 * tensor. Throws where a gradient is next to nothing, which would prove nothing.
 */
export async function trainingError(engine: Engine, each: TrainingCase): Promise<number> {
  const graph = graphOf(each);
  const weights = Object.entries(each.shapes).map(([name, shape], i): [string, Dense] => [
    name,
    normal(shape, 10 + i, 0.4),
  ]);
  const dense: Readonly<Record<string, Dense>> = { ...each.inputs, ...Object.fromEntries(weights) };
  const expected = evaluate(graph, dense);
  const program = await engine.load(graph);
  const feeds = Object.entries(dense).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]);
  const found = await program.run(Object.fromEntries(feeds) as Tensors);
  program.release();
  let worst = 0;
  for (const [name, { data }] of Object.entries(expected)) {
    const largest = Math.max(...data.map(Math.abs));
    if (!(largest > 1e-4)) throw new RangeError(`${each.name}: ${name} is ${largest}`);
    data.forEach((want, i) => {
      const error = Math.abs((found[name]?.data[i] ?? Number.NaN) - want) / largest;
      worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
    });
  }
  return worst;
}
