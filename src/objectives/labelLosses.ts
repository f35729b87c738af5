import type { Value } from '../ir/graph.ts';
import { logSigmoid } from '../ir/ops/logSigmoid.ts';
import { logSoftmax } from '../ir/ops/logSoftmax.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { mean } from '../ir/ops/reduceMean.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { add } from '../ir/ops/add.ts';
import { sub } from '../ir/ops/sub.ts';
import { dimAt } from '../ir/types.ts';
import type { ProblemType } from '../nn/model.ts';

type LabelLoss = (logits: Value, targets: Value) => Value;

/** Loss of each example [N] from logits and targets [N, labels], by the problem types of transformers. */
export const labelLosses: { readonly [P in NonNullable<ProblemType>]: LabelLoss } = {
  /** One of the labels: -Σ_l y_l ln softmax(z)_l. */
  single_label_classification: (logits, targets) => neg(sum(mul(targets, logSoftmax(logits)), [-1])),
  /** Each label by itself: -mean_l (y_l ln σ(z_l) + (1 - y_l) ln σ(-z_l)). */
  multi_label_classification: (logits, targets) =>
    neg(mean(add(mul(targets, logSigmoid(logits)), mul(sub(1, targets), logSigmoid(neg(logits)))), [-1])),
  /** Numbers: mean_l (z_l - y_l)². */
  regression: (logits, targets) => {
    const difference = sub(logits, targets);
    return mean(mul(difference, difference), [-1]);
  },
};

/** Targets [N, labels] of one label each that give a share ε of their weight to all labels alike, as transformers' LabelSmoother has it. */
export function smoothedLabels(targets: Value, epsilon: number): Value {
  return add(mul(targets, 1 - epsilon), epsilon / dimAt(targets.type.shape, 1));
}
