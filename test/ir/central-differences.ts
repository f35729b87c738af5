import { vjp } from '../../src/ir/grad.ts';
import { apply, at, input, type Value } from '../../src/ir/graph.ts';
import { normal } from '../../src/ir/dense.ts';
import type { Op, Sample } from '../../src/ir/op.ts';
import type { Dense } from '../../src/ir/types.ts';
import { evaluateValues } from '../../src/runtime/evaluate.ts';

/** An op applied to leaves, with the operands that feed them. */
export function applySample(
  op: Op,
  sample: Sample,
): { outputs: readonly Value[]; leaves: (Value | null)[]; env: Map<Value, Dense> } {
  const leaves = sample.inputs.map((operand, index) => operand && input(`x${index}`, operand.dtype, operand.shape));
  const env = new Map<Value, Dense>();
  leaves.forEach((leaf, index) => {
    const operand = sample.inputs[index];
    if (leaf && operand) env.set(leaf, operand);
  });
  return { outputs: apply(op, leaves, sample.attrs), leaves, env };
}

export const differentiable = (leaves: readonly (Value | null)[]): Value[] =>
  leaves.filter((leaf) => leaf?.type.dtype === 'f32').map((leaf) => leaf as Value);

/** Largest |analytic - numeric| over a loss of random weights on output 0, relative to the largest numeric gradient. */
export function gradientError(op: Op, sample: Sample): number {
  const { outputs, leaves, env } = applySample(op, sample);
  const y = at(outputs, 0);
  const cotangent = normal(y.type.shape, 99);
  const seed = input('dy', 'f32', y.type.shape);
  const wrt = differentiable(leaves);
  const analytic = evaluateValues(vjp([[y, seed]], wrt), new Map([...env, [seed, cotangent]]));
  const loss = (leaf: Value, values: Float64Array): number => {
    const operand = env.get(leaf) as Dense;
    const [out] = evaluateValues([y], new Map([...env, [leaf, { ...operand, data: values }]]));
    return (out as Dense).data.reduce((sum, value, i) => sum + value * (cotangent.data[i] as number), 0);
  };
  // Large samples cost seconds per element.
  const probes = cotangent.data.length > 256 ? 8 : 24;
  let worst = 0;
  let largest = 1e-3;
  wrt.forEach((leaf, index) => {
    const { data } = env.get(leaf) as Dense;
    const stride = Math.max(1, Math.floor(data.length / probes));
    for (let i = 0; i < data.length; i += stride) {
      const step = 1e-5 * Math.max(1, Math.abs(data[i] as number));
      const moved = (by: number) => data.map((value, j) => (j === i ? value + by : value));
      const numeric = (loss(leaf, moved(step)) - loss(leaf, moved(-step))) / (2 * step);
      worst = Math.max(worst, Math.abs(numeric - ((analytic[index] as Dense).data[i] as number)));
      largest = Math.max(largest, Math.abs(numeric));
    }
  });
  return worst / largest;
}
