import { apply, at, input, required, type Value } from './graph.ts';
import { vjp } from './grad.ts';
import { type Attrs, defineOp, type Op } from './op.ts';
import { after } from './ops/after.ts';
import { constantOp } from './ops/constant.ts';
import { dependents, substitute } from './substitute.ts';

type CheckpointAttrs = {
  /** Stand-ins for the node's inputs, in their order. */
  readonly placeholders: readonly Value[];
  readonly results: readonly Value[];
};

const instantiate = (attrs: CheckpointAttrs, inputs: readonly Value[]): Value[] =>
  substitute(attrs.results, new Map(attrs.placeholders.map((placeholder, i) => [placeholder, at(inputs, i)])));

export const checkpointOp: Op<CheckpointAttrs> = defineOp<CheckpointAttrs>({
  name: 'checkpoint',
  opaque: true,
  formula: 'y = f(x), with f computed again when its gradient is (Chen et al. 2016, arXiv:1604.06174)',
  infer: (_inputs, { results }) => results.map((result) => result.type),
  vjp: ({ attrs, inputs, cotangents, needs }) => {
    const signal = cotangents.find((cotangent) => cotangent !== undefined);
    if (!signal) return [];
    // Only f32 values are held back: indices and keys must stay leaves for ops that are filled on the host.
    const again = inputs.map((_, index) => {
      const value = required(inputs, index);
      return value.type.dtype === 'f32' ? after(value, signal) : value;
    });
    const seeds = instantiate(attrs, again).flatMap((output, index): [Value, Value][] => {
      const cotangent = cotangents[index];
      return cotangent ? [[output, cotangent]] : [];
    });
    const wanted = again.filter((_, index) => needs[index]);
    const found = vjp(seeds, wanted);
    let next = 0;
    return again.map((_, index) => (needs[index] ? at(found, next++) : undefined));
  },
  decompose: (inputs, attrs) =>
    instantiate(
      attrs,
      inputs.map((_, index) => required(inputs, index)),
    ),
});

/**
 * f whose intermediate values are not kept for the gradient but computed again: less memory, one more forward pass.
 * Values that f closes over are inputs too and get their gradients.
 */
export function checkpoint(f: (...xs: readonly Value[]) => Value): (...xs: readonly Value[]) => Value {
  const all = checkpointAll((...xs) => [f(...xs)]);
  return (...xs) => at(all(...xs), 0);
}

/** `checkpoint` of a function of several results; those that do not depend on its arguments are handed through. */
export function checkpointAll(
  f: (...xs: readonly Value[]) => readonly Value[],
): (...xs: readonly Value[]) => readonly Value[] {
  return (...xs) => {
    const placeholders = xs.map((x, index) => input(`checkpoint input ${index}`, x.type.dtype, x.type.shape));
    const results = f(...placeholders);
    const inside = dependents(results, placeholders);
    const computed = results.filter((result) => inside.has(result.node) && !placeholders.includes(result));
    const captured = new Set<Value>();
    for (const node of inside) {
      for (const value of node.inputs) {
        if (value && value.node.op !== constantOp && !inside.has(value.node) && !placeholders.includes(value))
          captured.add(value);
      }
    }
    const outer = [...captured];
    const stands = outer.map((value, index) =>
      input(`checkpoint capture ${index}`, value.type.dtype, value.type.shape),
    );
    const body = substitute(computed, new Map(outer.map((value, index) => [value, at(stands, index)])));
    const attrs: CheckpointAttrs & Attrs = { placeholders: [...placeholders, ...stands], results: body };
    const outputs = computed.length === 0 ? [] : apply(checkpointOp, [...xs, ...outer], attrs);
    return results.map((result) => {
      const handed = placeholders.indexOf(result);
      if (handed >= 0) return at(xs, handed);
      const index = computed.indexOf(result);
      return index >= 0 ? at(outputs, index) : result;
    });
  };
}
