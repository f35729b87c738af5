import { hostScans, type WeightScans } from '../weightScans.ts';
import type { NativeFunctions } from './native-library.ts';

/** What is less is looked through before another thread would have begun. */
const worthThread = 2 ** 14;

/** Scans by the native library, off the event loop. */
export function nativeScans(functions: NativeFunctions): WeightScans {
  const host = hostScans();
  /** Memory that is read now, which the garbage collector must not take. */
  const inFlight = new Set<unknown>();
  const call = async (
    memory: readonly unknown[],
    begin: (done: (error: Error | null, result: number) => void) => void,
  ): Promise<number> => {
    inFlight.add(memory);
    try {
      return await new Promise<number>((resolve, reject) => {
        begin((error, result) => (error ? reject(error) : resolve(result)));
      });
    } finally {
      inFlight.delete(memory);
    }
  };
  return {
    f32: (values) =>
      values.length < worthThread
        ? host.f32(values)
        : call([values], (done) => functions.tl_first_not_finite.async(values, values.length, done)),
    bf16: (bits) =>
      bits.length < worthThread
        ? host.bf16(bits)
        : call([bits], (done) => functions.tl_first_not_finite_bf16.async(bits, bits.length, done)),
    round: (values, to) =>
      values.length < worthThread
        ? host.round(values, to)
        : call([values, to], (done) => functions.tl_round_bf16.async(values, to, values.length, done)),
  };
}
