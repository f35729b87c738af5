import type { RandomKey } from '../../ir/random.ts';
import { addScaled, type Distribution, pieceLength, type RandomService, randomService } from '../random.ts';
import type { FillPool } from './fill-pool.ts';

/** The service on a pool of threads; buffers of one piece are filled on the calling thread. */
export function randomPool(pool: FillPool, threads: number): RandomService {
  const here = randomService();
  /** Makes the stream in rounds of one piece per thread and hands each round's pieces to `use`. */
  const rounds = async (
    distribution: Distribution,
    length: number,
    key: RandomKey,
    use: (piece: Float32Array, start: number) => void,
  ): Promise<void> => {
    const scratch = Array.from(
      { length: threads },
      () => new Float32Array(new SharedArrayBuffer(pieceLength * Float32Array.BYTES_PER_ELEMENT)),
    );
    for (let start = 0; start < length; start += threads * pieceLength) {
      const pieces = scratch.flatMap((memory, index) => {
        const at = start + index * pieceLength;
        return at < length
          ? [{ distribution, key, start: at, out: memory.subarray(0, Math.min(pieceLength, length - at)) }]
          : [];
      });
      await pool.fill(pieces);
      for (const { out, start: at } of pieces) use(out, at);
    }
  };
  const filling =
    (distribution: Distribution, small: RandomService['fillUniform']): RandomService['fillUniform'] =>
    (out, key) =>
      out.length <= pieceLength
        ? small(out, key)
        : rounds(distribution, out.length, key, (piece, at) => out.set(piece, at));
  return {
    fillUniform: filling('uniform', here.fillUniform),
    fillNormal: filling('normal', here.fillNormal),
    addNormal: (target, key, scale) =>
      target.length <= pieceLength
        ? here.addNormal(target, key, scale)
        : rounds('normal', target.length, key, (piece, at) => addScaled(target, piece, at, scale)),
  };
}
