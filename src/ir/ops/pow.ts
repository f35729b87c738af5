import type { Value } from '../graph.ts';
import { applyBinary, defineBinary, type Operand } from './elementwise.ts';
import { equal } from './equal.ts';
import { less } from './less.ts';
import { log } from './log.ts';
import { mul } from './mul.ts';
import { sub } from './sub.ts';
import { where } from './where.ts';

export const powOp = defineBinary({
  name: 'pow',
  formula: 'y = a^b; 1 where b = 0; NaN for a negative a and a fractional b. No gradient reaches b where a <= 0',
  onnx: 'Pow',
  evaluate: (a, b) => a ** b,
  result: 'same',
  dtypes: ['f32'],
  gradient: (dy, a, b, y) => [
    () => where(equal(b, 0), 0, mul(dy, mul(b, pow(a, sub(b, 1))))),
    () => where(less(0, a), mul(dy, mul(y, log(a))), 0),
  ],
  domainA: (a) => Math.abs(a) + 0.2,
  extremes: [
    [0, 0],
    [0, 2],
    [-2, 3],
    [-2, 2],
    [1e10, 3],
    [2, -100],
  ],
});

/** a^b. */
export function pow(a: Operand, b: Operand): Value {
  return applyBinary(powOp, a, b);
}
