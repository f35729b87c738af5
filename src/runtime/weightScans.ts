/** Looks through the values of weights, which can take longer than reading them. What it gives is the place of the first value that is not finite, or -1. */
export interface WeightScans {
  f32(values: Float32Array): Promise<number>;
  bf16(bits: Uint16Array): Promise<number>;
  /** f32 to bf16, to nearest even; a value that becomes infinite then is not finite. */
  round(values: Float32Array, to: Uint16Array): Promise<number>;
}

/** The first of NaN and infinity among f32, or -1. */
export function firstNotFinite(values: Float32Array): number {
  // By bits and by index: several times as fast as arithmetic, and fifteen times as fast as an iterator.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) if (((bits[i] ?? 0) & 0x7f800000) === 0x7f800000) return i;
  return -1;
}

function firstNotFiniteBf16(bits: Uint16Array): number {
  for (let i = 0; i < bits.length; i++) if (((bits[i] ?? 0) & 0x7f80) === 0x7f80) return i;
  return -1;
}

/** In bf16 this rounds to infinity, by the bits of f32 without sign: so does what is more, and NaN is more. */
const tooLarge = 0x7f7f8000;

function roundBf16(values: Float32Array, to: Uint16Array): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i] ?? 0;
    if ((value & 0x7fffffff) >= tooLarge) return i;
    to[i] = (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  }
  return -1;
}

const pieceSize = 2 ** 22;

const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** On the calling thread, letting timers and input through after each few million values. */
export function hostScans(): WeightScans {
  let since = 0;
  const inPieces = async (length: number, scan: (start: number, end: number) => number): Promise<number> => {
    for (let start = 0; start < length; start += pieceSize) {
      const end = Math.min(length, start + pieceSize);
      const found = scan(start, end);
      if (found >= 0) return start + found;
      since += end - start;
      if (since < pieceSize) continue;
      since = 0;
      await breath();
    }
    return -1;
  };
  return {
    f32: (values) => inPieces(values.length, (start, end) => firstNotFinite(values.subarray(start, end))),
    bf16: (bits) => inPieces(bits.length, (start, end) => firstNotFiniteBf16(bits.subarray(start, end))),
    round: (values, to) =>
      inPieces(values.length, (start, end) => roundBf16(values.subarray(start, end), to.subarray(start, end))),
  };
}
