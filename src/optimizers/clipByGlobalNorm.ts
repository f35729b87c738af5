import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { scalar } from '../ir/ops/constant.ts';
import { div } from '../ir/ops/div.ts';
import { less } from '../ir/ops/less.ts';
import { mul } from '../ir/ops/mul.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { sqrt } from '../ir/ops/sqrt.ts';
import { where } from '../ir/ops/where.ts';
import type { GradientTransform } from './optimizer.ts';

/**
 * g ← g min(1, c / (‖g‖ + 1e-6)) with the norm over all parameters (Pascanu et al. 2013, alg. 1; the constant is torch's
 * clip_grad_norm_). c = 0 leaves g as it is.
 */
export function clipByGlobalNorm(maxNorm: number): GradientTransform {
  return {
    name: 'clipByGlobalNorm',
    apply: (gradients) => {
      if (maxNorm === 0) return { gradients, metrics: {} };
      const squares = gradients.map((g) => sum(mul(g, g)));
      const norm = sqrt(squares.reduce((total: Value, square) => add(total, square), scalar(0)));
      const ratio = div(maxNorm, add(norm, 1e-6));
      const factor = where(less(ratio, scalar(1)), ratio, 1);
      return { gradients: gradients.map((g) => mul(g, factor)), metrics: {} };
    },
  };
}
