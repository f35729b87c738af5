import type { Value } from '../graph.ts';
import type { Operand } from './elementwise.ts';
import { equal } from './equal.ts';
import { not } from './not.ts';

/** a ≠ b, as bool; true for NaN. */
export function notEqual(a: Operand, b: Operand): Value {
  return not(equal(a, b));
}
