import { hostScans, type WeightScans } from '../weightScans.ts';
import type { NativeFunctions } from './native-library.ts';
import { nativeCall } from './nativeCall.ts';

/** What is less is looked through before another thread would have begun. */
const worthThread = 2 ** 14;

/** Scans by the native library, off the event loop. */
export function nativeScans(functions: NativeFunctions): WeightScans {
  const host = hostScans();
  return {
    f32: (values) =>
      values.length < worthThread
        ? host.f32(values)
        : nativeCall<number>([values], (done) => functions.tl_first_not_finite.async(values, values.length, done)),
    bf16: (bits) =>
      bits.length < worthThread
        ? host.bf16(bits)
        : nativeCall<number>([bits], (done) => functions.tl_first_not_finite_bf16.async(bits, bits.length, done)),
    round: (values, to) =>
      values.length < worthThread
        ? host.round(values, to)
        : nativeCall<number>([values, to], (done) => functions.tl_round_bf16.async(values, to, values.length, done)),
  };
}
