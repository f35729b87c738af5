import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { f32, i32 } from '../../src/ir/dense.ts';
import { gradients } from '../../src/ir/grad.ts';
import { buildGraph, input, type Value } from '../../src/ir/graph.ts';
import * as ir from '../../src/ir/index.ts';
import { dft } from '../../src/objectives/dft.ts';
import { makeObjective, objectiveUnits } from '../../src/objectives/index.ts';
import { labelLosses, smoothedLabels } from '../../src/objectives/labelLosses.ts';
import type { AnyObjective } from '../../src/objectives/objective.ts';
import { sft } from '../../src/objectives/sft.ts';
import { evaluate } from '../../src/runtime/evaluate.ts';
import { relativeError } from '../parity.ts';

interface Fixture {
  readonly hidden: number[][];
  readonly head: number[][];
  readonly targets: number[];
  readonly weights: number[];
  readonly dft: Case;
  readonly smoothed: readonly (Case & { readonly epsilon: number })[];
  readonly smoothedLabels: Case & { readonly epsilon: number };
}

interface Case {
  readonly loss: number;
  readonly gradient: number[][];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/objectives.json', import.meta.url), 'utf8')) as Fixture;
const { hidden: states, head: rows, targets: tokens, weights: learned } = fixture;
const matrix = (values: readonly number[][]) => f32([values.length, values[0]?.length ?? 0], values.flat());

/** Mean loss over the learned tokens and its gradient by the hidden states, in f64. */
function lossOf(objective: AnyObjective): { readonly loss: number; readonly gradient: ArrayLike<number> } {
  const hidden = input('hidden', 'f32', [states.length, states[0]?.length ?? 0]);
  const head = input('head', 'f32', [rows.length, rows[0]?.length ?? 0]);
  const targets = input('targets', 'i32', [tokens.length]);
  const weights = input('weights', 'f32', [tokens.length]);
  assert.equal(objective.reduction, 'token');
  const wanted = objective.statistics.map((name) => (name === 'referenceLogprobs' ? assert.fail(name) : name));
  const found = ir.vocabularyStatistics({ hidden, head }, wanted, { targets });
  const statistics = { ...found, referenceLogprobs: found.logprobs };
  const loss = ir.div(ir.sum(ir.mul(objective.losses(statistics), weights)), ir.sum(weights));
  const [gradient] = gradients(loss, [hidden]) as [Value];
  const feeds = {
    hidden: matrix(states),
    head: matrix(rows),
    targets: i32([tokens.length], tokens),
    weights: f32([learned.length], learned),
  };
  const outputs = evaluate(buildGraph({ loss, gradient }), feeds);
  return { loss: outputs['loss']?.data[0] ?? NaN, gradient: outputs['gradient']?.data ?? [] };
}

test("DFT's loss and gradient are those of TRL's dft_loss", () => {
  const { loss, gradient } = lossOf(dft());
  assert.ok(Math.abs(loss - fixture.dft.loss) < 1e-12 * Math.abs(loss), `${loss} against ${fixture.dft.loss}`);
  assert.ok(relativeError(gradient, fixture.dft.gradient.flat()) < 1e-12);
});

for (const { epsilon, loss: expected, gradient: slopes } of fixture.smoothed) {
  test(`a smoothing of ${epsilon}: loss and gradient are those of transformers' LabelSmoother`, () => {
    const { loss, gradient } = lossOf(makeObjective({ type: 'sft', labelSmoothingFactor: epsilon }));
    // The smoother sums over the vocabulary in f32, and ε is an f32 constant here.
    assert.ok(Math.abs(loss - expected) < 1e-6 * Math.abs(expected), `${loss} against ${expected}`);
    assert.ok(relativeError(gradient, slopes.flat()) < 1e-6);
  });
}

test("smoothed labels of a classifier: loss and gradient are those of transformers' LabelSmoother", () => {
  const { epsilon, loss: expected, gradient: slopes } = fixture.smoothedLabels;
  const hidden = input('hidden', 'f32', [states.length, states[0]?.length ?? 0]);
  const head = input('head', 'f32', [rows.length, rows[0]?.length ?? 0]);
  const labels = input('labels', 'f32', [tokens.length, rows.length]);
  const logits = ir.matmul(hidden, head, { transposeB: true });
  const loss = ir.mean(labelLosses.single_label_classification(logits, smoothedLabels(labels, epsilon)));
  const [gradient] = gradients(loss, [hidden]) as [Value];
  const ones = tokens.flatMap((token) => rows.map((_, label) => (label === token ? 1 : 0)));
  const feeds = { hidden: matrix(states), head: matrix(rows), labels: f32([tokens.length, rows.length], ones) };
  const found = evaluate(buildGraph({ loss, gradient }), feeds);
  assert.ok(Math.abs((found['loss']?.data[0] ?? NaN) - expected) < 1e-6 * Math.abs(expected));
  assert.ok(relativeError(found['gradient']?.data ?? [], slopes.flat()) < 1e-6);
});

test('exponent 0 is supervised fine-tuning, and what lies between differs from both', () => {
  const [none, plain, half, whole] = [lossOf(dft(0)), lossOf(sft), lossOf(dft(0.5)), lossOf(dft(1))];
  assert.deepEqual(none, plain);
  assert.ok(whole.loss < half.loss && half.loss < plain.loss, 'a probability is less than one');
});

for (const [type, unit] of Object.entries(objectiveUnits)) {
  test(`${type}: the name in a config is the objective's, and it has a finite loss of every token`, () => {
    const objective = makeObjective(unit.schema.parse({ type }));
    assert.equal(objective.type, type);
    if (objective.reduction !== 'token') return;
    const { loss, gradient } = lossOf(objective);
    assert.ok(Number.isFinite(loss) && Array.from(gradient).every(Number.isFinite));
    // Rows that are not learned have no gradient.
    const width = states[0]?.length ?? 0;
    learned.forEach((weight, row) => {
      const own = Array.from(gradient).slice(row * width, (row + 1) * width);
      assert.equal(
        own.some((value) => value !== 0),
        weight === 1,
      );
    });
  });
}
