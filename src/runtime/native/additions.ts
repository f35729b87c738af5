import { sizeOf } from '../../ir/types.ts';
import type { Ref, Storage } from './ref.ts';
import type { ElementwiseStep, KernelStep, Step } from './step.ts';

/** Kernels that add an operand to their first output as they write it, and the slot that it goes to. */
const slots: ReadonlyMap<string, number> = new Map([
  ['linear', 5],
  ['rmsNormGrad', 4],
]);

const awaited = (ref: Ref): readonly Storage[] => [ref.storage, ...ref.after];

/** Dense, of as many elements as the result: what a kernel can walk beside it. */
const isBeside = (ref: Ref, [y]: readonly [Ref]): boolean =>
  !ref.uniform && ref.type.dtype === 'f32' && sizeOf(ref.type.shape) === sizeOf(y.type.shape);

/**
 * Sums of a kernel's output and a value that is there before become one step, so that the output is not written and read
 * again: residual connections, and gradients of a value that several layers read. Takes steps that are needed, in an order
 * that they can run in; `outputs` are kept as they are.
 */
export function foldAdditions(steps: readonly Step[], outputs: ReadonlySet<Storage>): Step[] {
  const writers = new Map<Storage, number>();
  const reads = new Map<Storage, number>();
  steps.forEach((step, index) => {
    for (const { storage } of step.outputs) writers.set(storage, index);
    for (const ref of step.inputs)
      for (const storage of ref ? awaited(ref) : []) reads.set(storage, (reads.get(storage) ?? 0) + 1);
  });
  const result: (Step | undefined)[] = [...steps];

  /** The step that takes an addition over, and its place. */
  const folded = (
    { inputs, outputs: sum }: ElementwiseStep,
    product: Ref,
  ): { readonly step: KernelStep; readonly place: number } | undefined => {
    const place = writers.get(product.storage);
    const step = place === undefined ? undefined : result[place];
    if (place === undefined || step?.kind !== 'kernel') return undefined;
    const slot = slots.get(step.kernel);
    const [first, ...rest] = step.outputs;
    const other = inputs.find((ref) => ref !== product);
    if (slot === undefined || step.inputs[slot] !== null || first?.storage !== product.storage || !other)
      return undefined;
    if (reads.get(product.storage) !== 1 || outputs.has(product.storage)) return undefined;
    if (!isBeside(product, sum) || !isBeside(other, sum) || product.offset !== 0) return undefined;
    if (awaited(other).some((storage) => (writers.get(storage) ?? -1) >= place)) return undefined;
    return { step: { ...step, inputs: step.inputs.with(slot, other), outputs: [sum[0], ...rest] }, place };
  };

  steps.forEach((step, index) => {
    if (step.kind !== 'elementwise' || step.operation !== 'add') return;
    const found = step.inputs.map((ref) => folded(step, ref)).find((each) => each !== undefined);
    if (!found) return;
    result[found.place] = found.step;
    result[index] = undefined;
    writers.set(step.outputs[0].storage, found.place);
  });
  return result.filter((step) => step !== undefined);
}
