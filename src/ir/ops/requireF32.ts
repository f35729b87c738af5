import { formatType, type TensorType } from '../types.ts';

/** Throws TypeError naming the first input that is there and not f32. */
export function requireF32(inputs: readonly (TensorType | null)[]): void {
  inputs.forEach((type, index) => {
    if (type && type.dtype !== 'f32')
      throw new TypeError(`Expected f32 as input ${index} but found ${formatType(type)}`);
  });
}
