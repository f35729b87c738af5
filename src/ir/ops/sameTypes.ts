import { required } from '../graph.ts';
import { formatType, sameType, type TensorType } from '../types.ts';

/** The one type of the first `count` inputs. Throws TypeError where they differ. */
export function sameTypes(inputs: readonly (TensorType | null)[], count: number): TensorType {
  const head = required(inputs, 0);
  for (let index = 1; index < count; index++) {
    const type = required(inputs, index);
    if (!sameType(head, type))
      throw new TypeError(`Expected operands of one type but found ${formatType(head)} and ${formatType(type)}`);
  }
  return head;
}
