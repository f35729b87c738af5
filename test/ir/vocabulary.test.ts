import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { i32, normal } from '../../src/ir/dense.ts';
import { expand } from '../../src/ir/expand.ts';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input, type Value } from '../../src/ir/graph.ts';
import * as ir from '../../src/ir/index.ts';
import type { Dense } from '../../src/ir/types.ts';
import { greedySampling, sampleToken } from '../../src/loop/sample.ts';
import { randomKey } from '../../src/ir/random.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { relativeError } from '../parity.ts';

const engine = ortEngine({ threads: 2 });
after(() => engine.close());

const toTensors = (feeds: Readonly<Record<string, Dense>>) =>
  Object.fromEntries(Object.entries(feeds).map(([name, { dtype, shape, data }]) => [name, tensor(dtype, shape, data)]));

async function onBoth(outputs: Readonly<Record<string, Value>>, feeds: Readonly<Record<string, Dense>>) {
  const graph = buildGraph(outputs);
  const used = Object.fromEntries(graph.leaves.map(({ name }) => [name, feeds[name] ?? assert.fail(name)]));
  const program = await engine.load(graph);
  const found = await program.run(toTensors(used));
  program.release();
  return { expected: evaluate(graph, used), found };
}

const [rows, vocabulary, width] = [5, 11, 4];
const hidden = input('hidden', 'f32', [rows, width]);
const head = input('head', 'f32', [vocabulary, width]);
const other = input('other', 'f32', [rows, width]);
const targets = input('targets', 'i32', [rows]);
const feeds = {
  hidden: normal([rows, width], 1),
  head: normal([vocabulary, width], 2),
  other: normal([rows, width], 3),
  targets: i32([rows], [0, 3, 10, 3, 7]),
};

/** A loss of every statistic, the reference under the same head. */
function loss(): Value {
  const wanted = ['entropy', 'klToReference', 'logprobs', 'klFromReference'] as const;
  const found = ir.vocabularyStatistics({ hidden, head, softCap: 3 }, wanted, {
    targets,
    reference: { hidden: other, head },
    temperature: 0.8,
  });
  const ratio = ir.exp(ir.sub(found.logprobs, ir.stopGradient(found.logprobs)));
  const penalty = ir.add(ir.mul(found.klToReference, 0.3), ir.mul(found.klFromReference, found.entropy));
  return ir.sum(ir.add(ratio, penalty));
}

test('one pass gives the gradient of a loss of all statistics, under one head for both models', async () => {
  const value = loss();
  const wrt = [hidden, head, other];
  const streamed = gradients(value, wrt);
  const [flat, ...flatWrt] = expand([value, ...wrt]) as [Value, ...Value[]];
  const decomposed = gradients(flat, flatWrt);
  const outputs = Object.fromEntries(
    wrt.flatMap((_, i): [string, Value][] => [
      [`streamed ${i}`, streamed[i] as Value],
      [`decomposed ${i}`, decomposed[i] as Value],
    ]),
  );
  const { expected, found } = await onBoth(outputs, feeds);
  for (const i of wrt.keys()) {
    const judge = expected[`decomposed ${i}`]?.data ?? [];
    assert.ok(relativeError(expected[`streamed ${i}`]?.data ?? [], judge) < 1e-12, `reference, operand ${i}`);
    assert.ok(relativeError(found[`streamed ${i}`]?.data ?? [], judge) < 3e-6, `ONNX Runtime, operand ${i}`);
  }
});

test('a model under itself as reference has KL 0 both ways, and uniform logits have entropy ln V', async () => {
  const kl = ['klToReference', 'klFromReference'] as const;
  const same = ir.vocabularyStatistics({ hidden, head }, kl, { reference: { hidden, head } });
  const { entropy } = ir.vocabularyStatistics({ hidden: ir.mul(hidden, 0), head }, ['entropy']);
  const { expected, found } = await onBoth({ ...same, entropy }, feeds);
  for (const name of kl) {
    assert.deepEqual([...(expected[name]?.data ?? [])], Array(rows).fill(0), name);
    assert.ok((found[name]?.data ?? []).every((value) => Math.abs(value) < 1e-6));
  }
  for (const value of expected['entropy']?.data ?? []) assert.ok(Math.abs(value - Math.log(vocabulary)) < 1e-12);
});

test('samples are what the sampler of generation draws, and their frequencies are the probabilities', async () => {
  const count = 4000;
  const key = input('key', 'i32', [2]);
  const [examples, positions] = [input('examples', 'i32', [count]), input('positions', 'i32', [count])];
  const one = ir.broadcastTo(ir.slice(hidden, 0, 0, 1), [count, width]);
  const uniforms = ir.keyedUniform(key, examples, positions);
  const { samples } = ir.vocabularyStatistics({ hidden: one, head }, ['samples'], { uniforms, temperature: 0.7 });
  const logits = ir.linear(ir.slice(hidden, 0, 0, 1), head);
  const all = {
    ...feeds,
    key: i32([2], randomKey(7, 'sample')),
    examples: i32(
      [count],
      Int32Array.from({ length: count }, (_, i) => i % 50),
    ),
    positions: i32(
      [count],
      Int32Array.from({ length: count }, (_, i) => Math.floor(i / 50)),
    ),
  };
  const { expected, found } = await onBoth({ samples, logits }, all);
  assert.deepEqual([...(found['samples']?.data ?? [])], [...(expected['samples']?.data ?? [])]);
  const options = { ...greedySampling, temperature: 0.7, seed: 7 };
  const row = Float32Array.from(expected['logits']?.data ?? []);
  const drawn = Int32Array.from({ length: count }, (_, i) => {
    const key = { prompt: i % 50, position: Math.floor(i / 50), sample: 0 };
    return sampleToken(row, options, key).id;
  });
  assert.deepEqual([...(expected['samples']?.data ?? [])], [...drawn]);
  const weights = row.map((logit) => Math.exp(logit / 0.7));
  const total = weights.reduce((a, b) => a + b, 0);
  for (const [token, weight] of weights.entries()) {
    const p = weight / total;
    const share = drawn.filter((id) => id === token).length / count;
    assert.ok(Math.abs(share - p) < 4 * Math.sqrt((p * (1 - p)) / count) + 1e-3, `token ${token}: ${share} for ${p}`);
  }
});

test('a rare token at the end of a large vocabulary is drawn as often as it should be', async () => {
  // One token of p = 1/2 and 60,000 of 1/120,000: added one by one to 1/2 in f32 each would lose most of itself.
  const [tokens, count] = [60001, 8];
  const z = input('z', 'f32', [count, 1]);
  const w = input('w', 'f32', [tokens, 1]);
  const uniforms = input('uniforms', 'f32', [count]);
  const { samples } = ir.vocabularyStatistics({ hidden: z, head: w }, ['samples'], { uniforms });
  const logs = new Float64Array(tokens);
  logs[0] = Math.fround(Math.log(60000));
  const at = [0, 0.49, 0.5001, 0.6, 0.75, 0.9, 0.999, 1 - 2 ** -24];
  const { expected, found } = await onBoth(
    { samples },
    {
      z: { dtype: 'f32', shape: [count, 1], data: new Float64Array(count).fill(1) },
      w: { dtype: 'f32', shape: [tokens, 1], data: logs },
      uniforms: { dtype: 'f32', shape: [count], data: Float64Array.from(at, Math.fround) },
    },
  );
  const judge = expected['samples']?.data ?? new Float64Array();
  judge.forEach((want, i) => {
    const have = found['samples']?.data[i] ?? Number.NaN;
    assert.ok(Math.abs(have - want) <= 2, `u ${at[i]}: ${have} for ${want}`);
  });
});

test('logits never exist whole: memory does not grow with the rows, whatever is asked for', async () => {
  const [tokens, dim] = [8192, 8];
  const peak = async (count: number): Promise<number> => {
    const own = ortEngine({ threads: 2 });
    const [h, w, r] = [
      input('h', 'f32', [count, dim]),
      input('w', 'f32', [tokens, dim]),
      input('r', 'f32', [count, dim]),
    ];
    const wanted = ['logprobs', 'entropy', 'klToReference', 'klFromReference'] as const;
    const all = ir.vocabularyStatistics({ hidden: h, head: w }, wanted, {
      targets: input('t', 'i32', [count]),
      reference: { hidden: r, head: w },
    });
    const total = ir.sum(Object.values(all).reduce((a, b) => ir.add(a, b)));
    const [dh, dw] = gradients(total, [h, w]) as [Value, Value];
    const program = await own.load(buildGraph({ total, dh, dw: ir.sum(dw) }));
    await program.run(
      toTensors({
        h: normal([count, dim], 1),
        w: normal([tokens, dim], 2),
        r: normal([count, dim], 3),
        t: i32([count], new Int32Array(count)),
      }),
    );
    const { peakScratchBytes } = own.memory();
    own.close();
    return peakScratchBytes ?? Number.NaN;
  };
  const logits = 256 * tokens * 4;
  const [few, many] = [await peak(512), await peak(2048)];
  assert.ok(many - few < 3 * logits, `${(many - few) / logits} chunks of logits more for 6 chunks of rows more`);
});

test('what cannot be asked is refused by name', () => {
  const source = { hidden, head };
  assert.throws(
    () => ir.vocabularyStatistics(source, ['logprobs']),
    /vocabularyStatistics: Expected i32 targets \[5\] but found none/,
  );
  assert.throws(
    () => ir.vocabularyStatistics(source, ['entropy', 'klToReference']),
    /a reference's hidden states and head for klToReference/,
  );
  assert.throws(() => ir.vocabularyStatistics(source, ['topK'], { k: 12 }), /Expected k in \[1, 11\] but found 12/);
  assert.throws(() => ir.vocabularyStatistics(source, ['samples']), /Expected f32 uniforms \[5\] but found none/);
  assert.throws(() => ir.vocabularyStatistics(source, ['entropy'], { temperature: 0 }), /temperature above 0/);
  assert.throws(
    () =>
      ir.vocabularyStatistics(source, ['klFromReference'], {
        reference: { hidden: other, head: ir.slice(head, 0, 0, 9) },
      }),
    /Expected a reference of 5 rows and 11 tokens/,
  );
  const { topK } = ir.vocabularyStatistics(source, ['topK'], { k: 2 });
  assert.throws(() => gradients(ir.sum(topK.values), [hidden]), /gradient of topK/);
});
