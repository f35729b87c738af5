import type { Value } from '../ir/graph.ts';
import { logSigmoid } from '../ir/ops/logSigmoid.ts';
import { logSoftmax } from '../ir/ops/logSoftmax.ts';
import { mul } from '../ir/ops/mul.ts';
import { neg } from '../ir/ops/neg.ts';
import { mean } from '../ir/ops/reduceMean.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { add } from '../ir/ops/add.ts';
import { sub } from '../ir/ops/sub.ts';
import type { ProblemType } from '../nn/model.ts';

/**
 * Loss of each example [N] from logits and targets [N, labels], as transformers' problem types have it: one of the labels
 * -Σ_l y_l ln softmax(z)_l; each label by itself mean_l -(y_l ln σ(z_l) + (1 - y_l) ln σ(-z_l)); numbers mean_l (z_l - y_l)².
 */
export function labelLosses(problemType: NonNullable<ProblemType>, logits: Value, targets: Value): Value {
  switch (problemType) {
    case 'single_label_classification':
      return neg(sum(mul(targets, logSoftmax(logits)), [-1]));
    case 'multi_label_classification': {
      const without = sub(1, targets);
      return neg(mean(add(mul(targets, logSigmoid(logits)), mul(without, logSigmoid(neg(logits)))), [-1]));
    }
    case 'regression': {
      const difference = sub(logits, targets);
      return mean(mul(difference, difference), [-1]);
    }
  }
}
