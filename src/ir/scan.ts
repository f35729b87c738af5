import { at, type Value } from './graph.ts';
import { reshape } from './ops/reshape.ts';
import { split } from './ops/split.ts';
import { stack } from './ops/stack.ts';
import { dimAt, formatType, sameType } from './types.ts';

export type Carry = Readonly<Record<string, Value>>;

export interface ScanStep<C extends Carry> {
  /** What the next step starts from: of the same names and types. */
  readonly carry: C;
  /** What this step gives, stacked over time. */
  readonly outputs: Readonly<Record<string, Value>>;
}

export interface ScanOptions {
  /** From the last step to the first; outputs stay at their own times. */
  readonly reverse?: boolean;
}

/**
 * A recurrence over time: `step(carry, xs at t, t)` for each element of the leading axis of `xs`, all of one length.
 * The steps are unrolled, so the program grows with the length, and gradients pass through all of it; wrap `step` in
 * `checkpoint` to keep less. Throws RangeError on different lengths and TypeError where a carry changes its type.
 */
export function scan<C extends Carry>(
  step: (carry: C, xs: Readonly<Record<string, Value>>, t: number) => ScanStep<C>,
  initial: C,
  xs: Readonly<Record<string, Value>>,
  { reverse = false }: ScanOptions = {},
): ScanStep<C> {
  const names = Object.keys(xs);
  const lengths = names.map((name) => dimAt(valueOf(xs, name).type.shape, 0));
  const length = lengths[0] ?? 0;
  if (length === 0 || lengths.some((other) => other !== length)) {
    const found = names.map((name, i) => `${name} of ${lengths[i]}`).join(', ');
    throw new RangeError(`scan: expected sequences of one length above 0 but found ${found || 'none'}`);
  }
  const parts = names.map((name) => {
    const x = valueOf(xs, name);
    const pieces = split(
      x,
      0,
      Array.from({ length }, () => 1),
    );
    return pieces.map((piece) => reshape(piece, x.type.shape.slice(1)));
  });
  let carry = initial;
  const given: Readonly<Record<string, Value>>[] = [];
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const now = Object.fromEntries(names.map((name, k) => [name, at(at(parts, k), t)]));
    const result = step(carry, now, t);
    for (const name of Object.keys(initial)) {
      const [before, after] = [valueOf(carry, name).type, result.carry[name]?.type];
      if (!after || !sameType(before, after)) {
        const found = after ? formatType(after) : 'none';
        throw new TypeError(`scan: expected ${name} to stay ${formatType(before)} but found ${found} at step ${t}`);
      }
    }
    carry = result.carry;
    given[t] = result.outputs;
  }
  const outputs = Object.fromEntries(
    Object.keys(at(given, 0)).map((name) => [name, stack(given.map((step) => valueOf(step, name)))]),
  );
  return { carry, outputs };
}

function valueOf(values: Readonly<Record<string, Value>>, name: string): Value {
  const value = values[name];
  if (!value) throw new TypeError(`scan: expected ${name} but found none`);
  return value;
}
