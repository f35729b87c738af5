import type { Property } from '../../ir/properties/draw.ts';
import { propertyGroups } from '../../ir/properties/groups.ts';
import { type OpCase, opCases } from '../opCases.ts';

/** Largest error relative to the largest value: operands have 8 bits of mantissa, probabilities and their gradients are rounded twice. */
export const bf16Bound = 2 ** -6;

/** Whether an op's products are rounded. */
export const isRounded = ({ name }: OpCase): boolean => /^(?:linear|attention|cachedAttention|vocabulary)/.test(name);

/** Every case with what a set of bf16 is held to. */
export const bf16Cases: readonly OpCase[] = opCases.map((each) =>
  isRounded(each) ? { ...each, tolerance: bf16Bound } : each,
);

/** Random operands of the ops that are rounded, at the same bound for values of up to 2. */
export const bf16Properties: readonly Property[] = ['attention', 'ops of operands that fit each other']
  .flatMap((group) => propertyGroups[group] ?? [])
  .map((each) => ({ ...each, exact: false, identity: false, tolerance: 2 * bf16Bound }));
