import type { Pixels } from './pixels.ts';

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Cubic convolution (Keys 1981) with a = -1/2. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Pillow's filters by its numbers: weight of a pixel at distance x, and how far it reaches. */
const filters = {
  1: { reach: 3, weight: (x: number): number => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  2: { reach: 1, weight: (x: number): number => Math.max(0, 1 - Math.abs(x)) },
  3: { reach: 2, weight: cubic },
  4: { reach: 0.5, weight: (x: number): number => Number(x > -0.5 && x <= 0.5) },
  5: {
    reach: 1,
    weight: (x: number): number => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0),
  },
} as const;

export type Resample = 0 | keyof typeof filters;
export const isResample = (value: unknown): value is Resample => value === 0 || Object.hasOwn(filters, String(value));

/** Bits after the point of a weight. */
const precision = 22;

interface Tap {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Which pixels of `size` each of `out` is made of, with weights in fixed point that add up to about one. */
function tapsOf(size: number, out: number, resample: Exclude<Resample, 0>): Tap[] {
  const { reach, weight } = filters[resample];
  const scale = size / out;
  // Where an image gets smaller, the filter gets wider, so that no pixel is passed over.
  const stretch = Math.max(1, scale);
  return Array.from({ length: out }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach * stretch + 0.5));
    const end = Math.min(size, Math.trunc(center + reach * stretch + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, k) => weight((k + first - center + 0.5) / stretch));
    const total = weights.reduce((sum, each) => sum + each, 0);
    const fixed = weights.map((each) => {
      const value = (total === 0 ? each : each / total) * 2 ** precision;
      return Math.trunc(value + (value < 0 ? -0.5 : 0.5));
    });
    return { first, weights: fixed };
  });
}

/** One axis: `lines` lines of `size` places of `inner` bytes become `taps.length` places. */
function along(data: Uint8Array, lines: number, size: number, inner: number, taps: readonly Tap[]): Uint8Array {
  const out = new Uint8ClampedArray(lines * taps.length * inner);
  for (let line = 0; line < lines; line++) {
    for (const [place, { first, weights }] of taps.entries()) {
      for (let c = 0; c < inner; c++) {
        let sum = 2 ** (precision - 1);
        for (let k = 0; k < weights.length; k++)
          sum += (weights[k] ?? 0) * (data[(line * size + first + k) * inner + c] ?? 0);
        out[(line * taps.length + place) * inner + c] = Math.floor(sum / 2 ** precision);
      }
    }
  }
  return new Uint8Array(out.buffer);
}

/** The pixel at each place's middle. */
function nearest({ height, width, channels, data }: Pixels, toHeight: number, toWidth: number): Uint8Array {
  const out = new Uint8Array(toHeight * toWidth * channels);
  for (let y = 0; y < toHeight; y++) {
    const row = Math.floor(((y + 0.5) * height) / toHeight);
    for (let x = 0; x < toWidth; x++) {
      const from = channels * (row * width + Math.floor(((x + 0.5) * width) / toWidth));
      out.set(data.subarray(from, from + channels), channels * (y * toWidth + x));
    }
  }
  return out;
}

/** An image in another size, as Pillow's `resize` makes it: first along rows, then along columns, each rounded to 8 bits. */
export function resize(pixels: Pixels, height: number, width: number, resample: Resample): Pixels {
  const { channels } = pixels;
  if (pixels.height === height && pixels.width === width) return pixels;
  if (resample === 0) return { height, width, channels, data: nearest(pixels, height, width) };
  let { data } = pixels;
  if (pixels.width !== width)
    data = along(data, pixels.height, pixels.width, channels, tapsOf(pixels.width, width, resample));
  if (pixels.height !== height)
    data = along(data, 1, pixels.height, width * channels, tapsOf(pixels.height, height, resample));
  return { height, width, channels, data };
}
