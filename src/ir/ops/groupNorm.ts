import { normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp } from '../op.ts';
import { dimAt, formatShape } from '../types.ts';
import { add } from './add.ts';
import { decomposedVjp } from './decomposed.ts';
import { layerNorm } from './layerNorm.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';
import { requireF32 } from './requireF32.ts';

type GroupNormAttrs = { readonly groups: number; readonly eps: number };

function decompose(inputs: readonly (Value | null)[], { groups, eps }: GroupNormAttrs): readonly Value[] {
  const x = required(inputs, 0);
  const { shape } = x.type;
  const perChannel = [dimAt(shape, 1), ...shape.slice(2).map(() => 1)];
  const rows = reshape(x, [dimAt(shape, 0), groups, x.type.shape.slice(1).reduce((a, b) => a * b, 1) / groups]);
  const normed = reshape(layerNorm(rows, null, null, eps), shape);
  const scaled = inputs[1] ? mul(normed, reshape(inputs[1], perChannel)) : normed;
  return [inputs[2] ? add(scaled, reshape(inputs[2], perChannel)) : scaled];
}

/** Inputs x, weight or none, bias or none. */
export const groupNormOp = defineOp<GroupNormAttrs>({
  name: 'groupNorm',
  formula:
    'y = w_c (x - μ_g) (σ²_g + ε)^(-1/2) + b_c for x [N, C, …], statistics over each group of C/groups channels (Wu & He 2018, eq. 7)',
  infer: (inputs, { groups }) => {
    requireF32(inputs);
    const x = required(inputs, 0);
    const channels = dimAt(x.shape, 1);
    if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
      throw new RangeError(`Expected groups that divide ${channels} channels but found ${groups}`);
    }
    for (const operand of inputs.slice(1)) {
      if (operand && (operand.shape.length !== 1 || operand.shape[0] !== channels)) {
        throw new RangeError(`Expected weight and bias [${channels}] but found ${formatShape(operand.shape)}`);
      }
    }
    return [x];
  },
  vjp: (context) => decomposedVjp((inputs) => decompose(inputs, context.attrs), context),
  decompose,
  samples: () => [
    {
      name: 'two groups of an image',
      attrs: { groups: 2, eps: 1e-5 },
      inputs: [normal([2, 4, 3, 2], 1), normal([4], 2), normal([4], 3)],
    },
    {
      name: 'one group, no axes beside',
      attrs: { groups: 1, eps: 1e-5 },
      inputs: [normal([3, 5], 4), normal([5], 5), null],
    },
    { name: 'every channel its own', attrs: { groups: 3, eps: 1e-5 }, inputs: [normal([1, 3, 5], 6), null, null] },
  ],
});

/** Normalizes groups of channels of x [N, C, …]; weight and bias [C] may be left out. Each channel its own group is instance norm. */
export function groupNorm(x: Value, groups: number, weight: Value | null, bias: Value | null, eps = 1e-5): Value {
  return apply1(groupNormOp, [x, weight, bias], { groups, eps });
}
