import { fillNormal, fillUniform, type RandomKey } from '../ir/random.ts';

/**
 * Random numbers as a service: element i of a buffer is a function of the key and i alone, so the numbers are the same
 * whoever fills, in whatever pieces and on however many threads. Keys come from `randomKey(seed, name, step)`.
 */
export interface RandomService {
  /** U[0, 1) */
  fillUniform(out: Float32Array, key: RandomKey): Promise<void>;
  /** N(0, 1) */
  fillNormal(out: Float32Array, key: RandomKey): Promise<void>;
  /** θ ← θ + s ε in place, ε ~ N(0, 1): adding with -s takes the same noise away again up to rounding. */
  addNormal(target: Float32Array, key: RandomKey, scale: number): Promise<void>;
}

export type Distribution = 'uniform' | 'normal';

/** Fills `out` with elements `start`, `start + 1`, … of a key's stream. */
export type FillPiece = (distribution: Distribution, out: Float32Array, key: RandomKey, start: number) => void;

export const fillPiece: FillPiece = (distribution, out, key, start) =>
  distribution === 'uniform' ? fillUniform(out, key, start) : fillNormal(out, key, start);

/** Elements that are made between two pauses. */
export const pieceLength = 1 << 16;

/** Adds s ε to a piece of the target. */
export function addScaled(target: Float32Array, noise: Float32Array, at: number, scale: number): void {
  for (let i = 0; i < noise.length; i++) target[at + i] = (target[at + i] ?? 0) + scale * (noise[i] ?? 0);
}

/** The service on the calling thread, which runs other work between pieces. */
export function randomService(): RandomService {
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
  const pieces = async (length: number, use: (start: number, end: number) => void): Promise<void> => {
    for (let start = 0; start < length; start += pieceLength) {
      use(start, Math.min(length, start + pieceLength));
      if (start + pieceLength < length) await pause();
    }
  };
  return {
    fillUniform: (out, key) =>
      pieces(out.length, (start, end) => fillPiece('uniform', out.subarray(start, end), key, start)),
    fillNormal: (out, key) =>
      pieces(out.length, (start, end) => fillPiece('normal', out.subarray(start, end), key, start)),
    addNormal: (target, key, scale) =>
      pieces(target.length, (start, end) => {
        const noise = new Float32Array(end - start);
        fillPiece('normal', noise, key, start);
        addScaled(target, noise, start, scale);
      }),
  };
}
