import type { Value } from '../graph.ts';
import { dimAt } from '../types.ts';
import { add } from './add.ts';
import { cast } from './cast.ts';
import { constant } from './constant.ts';
import { cumsum } from './cumsum.ts';
import { exp } from './exp.ts';
import { lessEqual } from './lessEqual.ts';
import { logSoftmax } from './logSoftmax.ts';
import { matmul } from './matmul.ts';
import { minimum } from './minimum.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { mean } from './reduceMean.ts';
import { sum } from './reduceSum.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';
import { sub } from './sub.ts';
import { takeAlong } from './takeAlong.ts';
import { tanh } from './tanh.ts';
import { topK } from './topK.ts';
import { type Statistic, type VocabularyAttrs, vocabularyOperands } from './vocabulary.ts';

interface Shaping {
  readonly scale: number;
  readonly softCap: number | undefined;
  readonly temperature: number;
}

/** ln p [N, V] of hidden states under a head. */
function logDistribution(
  hidden: Value | null,
  head: Value | null,
  bias: Value | null,
  { scale, softCap, temperature }: Shaping,
): Value {
  if (!hidden || !head) throw new TypeError('Expected hidden states and a head but found none');
  const product = matmul(hidden, head, { transposeB: true, alpha: scale });
  let logits = bias ? add(product, mul(bias, scale)) : product;
  if (softCap !== undefined) logits = mul(tanh(mul(logits, 1 / softCap)), softCap);
  return logSoftmax(temperature === 1 ? logits : mul(logits, 1 / temperature));
}

/** KL(a‖b) of each row from logarithms. */
const divergence = (logA: Value, logB: Value): Value => sum(mul(exp(logA), sub(logA, logB)), [-1]);

/** By inversion of the cumulative distribution in the order of the tokens. */
function drawn(logp: Value, uniforms: Value): Value {
  const [rows, vocabulary] = [dimAt(logp.type.shape, 0), dimAt(logp.type.shape, 1)];
  const cumulative = cumsum(exp(logp), 1);
  const threshold = mul(reshape(uniforms, [rows, 1]), slice(cumulative, 1, vocabulary - 1, vocabulary));
  const passed = sum(cast(lessEqual(cumulative, threshold), 'i32'), [-1]);
  return minimum(passed, constant('i32', [], [vocabulary - 1]));
}

/** Statistics from whole distributions: what the streamed op means. */
export function statisticsOf(inputs: readonly (Value | null)[], attrs: VocabularyAttrs): Value[] {
  const operands = vocabularyOperands(inputs);
  const { temperature, k } = attrs;
  const present = (value: Value | null, name: string): Value => {
    if (!value) throw new TypeError(`Expected ${name} but found none`);
    return value;
  };
  const own: Shaping = { scale: attrs.scale, softCap: attrs.softCap, temperature };
  const other: Shaping = { scale: attrs.referenceScale, softCap: attrs.referenceSoftCap, temperature };
  const logp = logDistribution(operands.hidden, operands.head, operands.bias, own);
  const { referenceHidden, referenceHead, referenceBias } = operands;
  let reference: Value | undefined;
  const logq = (): Value => (reference ??= logDistribution(referenceHidden, referenceHead, referenceBias, other));
  const by: Readonly<Record<Statistic, () => Value[]>> = {
    logprobs: () => [takeAlong(logp, present(operands.targets, 'targets'))],
    meanLogprobs: () => [mean(logp, [-1])],
    entropy: () => [neg(sum(mul(exp(logp), logp), [-1]))],
    klToReference: () => [divergence(logp, logq())],
    klFromReference: () => [divergence(logq(), logp)],
    topK: () => {
      const { values, indices } = topK(logp, k);
      return [values, indices];
    },
    samples: () => [drawn(logp, present(operands.uniforms, 'uniforms'))],
  };
  return attrs.statistics.flatMap((statistic) => by[statistic]());
}
