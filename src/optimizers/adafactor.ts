import { z } from 'zod';
import { at, type Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { scalar } from '../ir/ops/constant.ts';
import { div } from '../ir/ops/div.ts';
import { maximum } from '../ir/ops/maximum.ts';
import { mul } from '../ir/ops/mul.ts';
import { mean } from '../ir/ops/reduceMean.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { rsqrt } from '../ir/ops/rsqrt.ts';
import { sqrt } from '../ir/ops/sqrt.ts';
import { sub } from '../ir/ops/sub.ts';
import { dimAt, type Shape } from '../ir/types.ts';
import { sharedFields } from './fields.ts';
import { named, type UpdateRule } from './optimizer.ts';
import type { OptimizerUnit } from './unit.ts';

export interface AdafactorOptions {
  readonly decayRate: number;
  readonly clipThreshold: number;
  readonly weightDecay: number;
}

/** Added to squared gradients. */
const eps = 1e-30;

const factored = (shape: Shape): boolean => shape.length >= 2;

/** Of a matrix a mean per row and one per column, of a vector one value each; a slot that a shape has no use for holds one zero. */
function slotShape(slot: string, shape: Shape): Shape {
  if (!factored(shape)) return slot === 'square' ? shape : [1];
  if (slot === 'row') return shape.slice(0, -1);
  return slot === 'column' ? [...shape.slice(0, -2), ...shape.slice(-1)] : [1];
}

/**
 * Adafactor (Shazeer & Stern 2018, alg. 4 and 5) with a learning rate from outside, as transformers' Trainer runs it
 * (scale_parameter and relative_step false): β₂ = 1 - t^-c, R ← β₂R + (1-β₂) mean_columns(g² + ε), C alike by rows,
 * u = g / √(R C / mean R), u ← u / max(1, rms(u) / d), θ ← θ(1 - ηλ) - ηu. State: rows plus columns of a matrix.
 */
export function adafactor({ decayRate, clipThreshold, weightDecay }: AdafactorOptions): UpdateRule {
  const scaled = (g: Value, { row, column, square }: Record<'row' | 'column' | 'square', Value>, beta2: Value) => {
    const towards = (old: Value, now: Value): Value => add(mul(old, beta2), mul(now, sub(1, beta2)));
    const squared = add(mul(g, g), eps);
    if (!factored(g.type.shape)) {
      const v = towards(square, squared);
      return { update: mul(g, rsqrt(v)), row, column, square: v };
    }
    const r = towards(row, mean(squared, [-1]));
    const c = towards(column, mean(squared, [-2]));
    const rows = rsqrt(div(r, mean(r, [-1], true)));
    const [rowShape, columnShape] = [r.type.shape, c.type.shape];
    const byRow = reshape(rows, [...rowShape, 1]);
    const byColumn = reshape(rsqrt(c), [...columnShape.slice(0, -1), 1, dimAt(columnShape, -1)]);
    const update = mul(mul(g, byRow), byColumn);
    return { update, row: r, column: c, square };
  };
  return {
    name: 'adafactor',
    slots: ['row', 'column', 'square'],
    elementwise: false,
    slotShape,
    scalars: (step, learningRate) => ({ learningRate, beta2: 1 - step ** -decayRate }),
    apply: ({ params, gradients, slots, scalars, decays }) => {
      const learningRate = named(scalars, 'learningRate');
      const steps = params.map((theta, i) => {
        const state = {
          row: at(named(slots, 'row'), i),
          column: at(named(slots, 'column'), i),
          square: at(named(slots, 'square'), i),
        };
        const { update, ...rest } = scaled(at(gradients, i), state, named(scalars, 'beta2'));
        const size = sqrt(mean(mul(update, update)));
        const bounded = div(update, maximum(div(size, clipThreshold), scalar(1)));
        const decayed = at(decays, i) && weightDecay > 0 ? mul(theta, sub(1, mul(learningRate, weightDecay))) : theta;
        return { theta: sub(decayed, mul(bounded, learningRate)), ...rest };
      });
      return {
        params: steps.map(({ theta }) => theta),
        slots: {
          row: steps.map(({ row }) => row),
          column: steps.map(({ column }) => column),
          square: steps.map(({ square }) => square),
        },
      };
    },
  };
}

const schema = z.strictObject({
  type: z.literal('adafactor').describe('scales by squares that it holds by row and column'),
  ...sharedFields,
  decayRate: z.number().positive().default(0.8).describe("Power of 1/t at which adafactor's memory of squares grows"),
  clipThreshold: z.number().positive().default(1).describe("Root mean square that adafactor's updates do not exceed"),
});

export const adafactorUnit: OptimizerUnit<typeof schema> = { schema, rule: adafactor };
