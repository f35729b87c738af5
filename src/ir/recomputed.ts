import { apply, at, isLeaf, required, type Value } from './graph.ts';
import { after, afterOp } from './ops/after.ts';

/**
 * A value as it is made again once `signal` is there, where its op says that this is better than keeping it; else itself.
 * So what is wide lives only from `signal` to its reader.
 */
export function recomputed(value: Value, signal: Value): Value {
  const { node } = value;
  if (isLeaf(node) || node.op.recompute === undefined) return value;
  const again = (input: Value): Value => {
    if (node.op.recompute === 'withInput') return recomputed(input, signal);
    // Only f32 values are held back; one is enough.
    if (input.type.dtype !== 'f32') return input;
    return after(input.node.op === afterOp ? required(input.node.inputs, 0) : input, signal);
  };
  const inputs = node.inputs.map((input) => input && again(input));
  if (inputs.every((input, i) => input === node.inputs[i])) return value;
  return at(apply(node.op, inputs, node.attrs), node.outputs.indexOf(value));
}
