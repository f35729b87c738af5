/** The order of rows in each epoch, of one data set or of several that are mixed by weights. */
import { permutation, randomKey } from '../ir/random.ts';

/** Row numbers of an epoch; every epoch has as many. */
export interface Order {
  readonly perEpoch: number;
  readonly at: (epoch: number) => Int32Array;
}

/** Makes the order for data sets of so many rows each, numbered one after another. */
export type OrderOf = (rows: readonly number[]) => Order;

export interface MixOptions {
  /** Shuffles by this seed, another way in every epoch; without it rows keep their order. */
  readonly seed?: number;
  /** How many times an epoch goes through each data set: 1 unless given. */
  readonly weights?: readonly number[] | undefined;
}

/**
 * An epoch takes round(w n) rows of a data set of n, going on in the next epoch where it ended, so that each row comes as often as any other of
 * its set. Shuffled, every pass through a set is another permutation, and so is the epoch; in order, the sets are interleaved evenly.
 * RangeError for a weight that is not positive.
 */
export function mixedOrder({ seed, weights }: MixOptions = {}): OrderOf {
  return (rows) => {
    if (weights !== undefined && weights.length !== rows.length)
      throw new RangeError(`Expected ${rows.length} weights, one per data set, but found ${weights.length}`);
    const counts = rows.map((count, d) => {
      const weight = weights?.[d] ?? 1;
      if (!(weight > 0 && Number.isFinite(weight)))
        throw new RangeError(`Expected a positive weight but found ${weight}`);
      return Math.max(1, Math.round(weight * count));
    });
    const perEpoch = counts.reduce((sum, count) => sum + count, 0);
    const firsts = rows.map((_count, d) => rows.slice(0, d).reduce((sum, count) => sum + count, 0));
    const name = (d: number): string => (d === 0 ? 'data order' : `data order ${d}`);

    const rowsOf = (d: number, epoch: number): Int32Array => {
      const [size = 0, count = 0, first = 0] = [rows[d], counts[d], firsts[d]];
      const found = new Int32Array(count);
      let pass: { number: number; order: Int32Array | undefined } | undefined;
      for (let i = 0; i < count; i++) {
        const place = epoch * count + i;
        const number = Math.floor(place / size);
        if (pass?.number !== number)
          pass = {
            number,
            order: seed === undefined ? undefined : permutation(size, randomKey(seed, name(d), number)),
          };
        found[i] = first + (pass.order?.[place % size] ?? place % size);
      }
      return found;
    };

    return {
      perEpoch,
      at(epoch) {
        const parts = rows.map((_count, d) => rowsOf(d, epoch));
        const [only] = parts;
        if (parts.length === 1 && only !== undefined) return only;
        const places = interleaved(counts);
        const next = counts.map(() => 0);
        const mixed = places.map((d) => {
          const place = next[d] ?? 0;
          next[d] = place + 1;
          return parts[d]?.[place] ?? 0;
        });
        if (seed === undefined) return mixed;
        return permutation(perEpoch, randomKey(seed, 'data mix', epoch)).map((place) => mixed[place] ?? 0);
      },
    };
  };
}

/** Which set each place of an epoch goes to: always the one that is furthest behind its share. */
function interleaved(counts: readonly number[]): Int32Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const taken = counts.map(() => 0);
  return Int32Array.from({ length: total }, (_, place) => {
    let most = 0;
    let chosen = 0;
    for (const [d, count] of counts.entries()) {
      const behind = (count * (place + 1)) / total - (taken[d] ?? 0);
      if (behind > most + 1e-9) [most, chosen] = [behind, d];
    }
    taken[chosen] = (taken[chosen] ?? 0) + 1;
    return chosen;
  });
}
