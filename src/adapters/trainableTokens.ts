import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { cast } from '../ir/ops/cast.ts';
import { constant } from '../ir/ops/constant.ts';
import { equal } from '../ir/ops/equal.ts';
import { matmul } from '../ir/ops/matmul.ts';
import { mul } from '../ir/ops/mul.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { sub } from '../ir/ops/sub.ts';
import { arange } from '../ir/ops/arange.ts';
import { dimAt } from '../ir/types.ts';
import type { AdapterPart } from './parts.ts';

export interface TrainableTokens {
  /** The embedding's module. */
  readonly module: string;
  readonly indices: readonly number[];
  readonly width: number;
  /** Whether the output head has the same rows. */
  readonly tied: boolean;
}

/** Rows of a table in place of others: x (1 - Σ p) + p rows with p [.., n] one-hot. */
function replaced(x: Value, picks: Value, rows: Value): Value {
  return add(mul(x, sub(1, sum(picks, [-1], true))), matmul(picks, rows));
}

/** Trains single rows of an embedding, and those of a head that is tied to it; the others stay as they are. */
export function trainableTokens({ module, indices, width, tied }: TrainableTokens): AdapterPart {
  const name = `${module}.token_adapter.trainable_tokens_delta`;
  const wanted = constant('i32', [indices.length], indices);
  return {
    parameters: [
      {
        name,
        shape: [indices.length, width],
        decays: true,
        initialize: async (values, { base }) => {
          const table = await base(`${module}.weight`);
          indices.forEach((token, row) => values.set(table.subarray(token * width, (token + 1) * width), row * width));
        },
      },
    ],
    wraps: ({ param }) => ({
      embedding: (operands, base, site) => {
        const y = base(operands);
        if (site !== module) return y;
        const { shape } = operands.ids.type;
        return replaced(y, cast(equal(reshape(operands.ids, [...shape, 1]), wanted), 'f32'), param(name));
      },
      head: (operands, base) => {
        if (!tied) return base(operands);
        const vocabulary = dimAt(operands.weight.type.shape, 0);
        const picks = cast(equal(reshape(arange(vocabulary), [vocabulary, 1]), wanted), 'f32');
        return base({ ...operands, weight: replaced(operands.weight, picks, param(name)) });
      },
    }),
    merges: [
      {
        name: `${module}.weight`,
        tiedToo: tied,
        apply: (values, param) => {
          const rows = param(name);
          indices.forEach((token, row) => values.set(rows.subarray(row * width, (row + 1) * width), token * width));
        },
      },
    ],
  };
}
