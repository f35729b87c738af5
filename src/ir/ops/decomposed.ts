import { vjp } from '../grad.ts';
import { at, input, type Value } from '../graph.ts';
import { substitute } from '../substitute.ts';

interface Context {
  readonly inputs: readonly (Value | null)[];
  readonly cotangents: readonly (Value | undefined)[];
  readonly needs: readonly boolean[];
}

/**
 * The gradient of a composite by its parts. It is built on stand-ins, so that the cost is that of the parts and not of
 * the whole graph before them.
 */
export function decomposedVjp(
  build: (inputs: readonly (Value | null)[]) => readonly Value[],
  { inputs, cotangents, needs }: Context,
): readonly (Value | undefined)[] {
  const real = new Map<Value, Value>();
  const standIn = (value: Value, name: string): Value => {
    const leaf = input(name, value.type.dtype, value.type.shape);
    real.set(leaf, value);
    return leaf;
  };
  const operands = inputs.map((value, index) => value && standIn(value, `operand ${index}`));
  const seeds = build(operands).flatMap((output, index): [Value, Value][] => {
    const cotangent = cotangents[index];
    return cotangent ? [[output, standIn(cotangent, `cotangent ${index}`)]] : [];
  });
  const wanted = operands.flatMap((operand, index) => (operand && needs[index] ? [operand] : []));
  const found = substitute(vjp(seeds, wanted), real);
  let next = 0;
  return operands.map((operand, index) => (operand && needs[index] ? at(found, next++) : undefined));
}
