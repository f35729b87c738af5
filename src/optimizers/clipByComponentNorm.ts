import { at } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { cast } from '../ir/ops/cast.ts';
import { scalar } from '../ir/ops/constant.ts';
import { div } from '../ir/ops/div.ts';
import { less } from '../ir/ops/less.ts';
import { mul } from '../ir/ops/mul.ts';
import { sum } from '../ir/ops/reduceSum.ts';
import { sqrt } from '../ir/ops/sqrt.ts';
import { where } from '../ir/ops/where.ts';
import type { GradientTransform } from './optimizer.ts';

/**
 * g_p ← g_p min(1, c / (‖g_p‖ + 1e-6)) for each parameter tensor p by its own norm, the same c for all. Yang & Ma 2022,
 * Improving Stability of Fine-Tuning Pretrained Language Models via Component-Wise Gradient Norm Clipping, equation 3. c = 0
 * leaves gradients as they are. Metric: clippedShare, the share of tensors that were scaled down.
 */
export function clipByComponentNorm(maxNorm: number): GradientTransform {
  return {
    name: 'clipByComponentNorm',
    perTensor: true,
    apply: (gradients) => {
      if (maxNorm === 0) return { gradients, metrics: {} };
      const squares = gradients.map((g) => sum(mul(g, g)));
      const ratios = squares.map((square) => div(maxNorm, add(sqrt(square), 1e-6)));
      const clips = ratios.map((ratio) => less(ratio, scalar(1)));
      const clipped = clips.map((clip) => cast(clip, 'f32')).reduce((all, each) => add(all, each), scalar(0));
      return {
        gradients: gradients.map((g, i) => mul(g, where(at(clips, i), at(ratios, i), 1))),
        metrics: { clippedShare: div(clipped, gradients.length) },
      };
    },
  };
}
