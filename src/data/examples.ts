/** Examples by number. What lies in memory is bounded: tokens past the bound lie in a file and are read when asked for. */
import { growable } from './growable.ts';
import type { Hash64 } from './hash.ts';

/** One example to learn from; `index` is its input line. */
export type TrainExample = {
  index: number;
  ids: Int32Array;
  mask: Uint8Array;
  /** Of a classifier's text: 0 in the first of a pair, 1 in the second. */
  tokenTypes?: Uint8Array;
  /** A classifier's targets, one per label. */
  label?: Float32Array;
};

export interface Examples {
  readonly count: number;
  readonly lengthOf: (i: number) => number;
  readonly at: (i: number) => TrainExample;
}

/** Hashes of an example's text and of its prompt, normalised. */
export type TextKeys = { readonly text: Hash64; readonly prompt?: Hash64 };

export interface StoredExamples extends Examples {
  /** The input line, without reading the example. */
  readonly indexOf: (i: number) => number;
  readonly keysOf: (i: number) => TextKeys;
}

/** A file for what does not fit into memory: written at its end, read anywhere. */
export interface Scratch {
  readonly append: (bytes: Uint8Array) => void;
  readonly read: (position: number, into: Uint8Array) => void;
}

export interface ExampleStore extends StoredExamples {
  readonly add: (example: TrainExample, keys: TextKeys) => void;
  /** Bytes of tokens in memory. */
  readonly heldBytes: () => number;
}

/** Examples that are a list already. */
export const examplesOf = (list: readonly TrainExample[]): Examples => ({
  count: list.length,
  lengthOf: (i) => list[i]?.ids.length ?? 0,
  at(i) {
    const example = list[i];
    if (example === undefined) throw new RangeError(`Expected an example below ${list.length} but found ${i}`);
    return example;
  },
});

/** Some of the examples, in the order of `numbers`. */
export function subsetOf(examples: StoredExamples, numbers: Int32Array): StoredExamples {
  const number = (i: number): number => {
    const found = numbers[i];
    if (found === undefined) throw new RangeError(`Expected an example below ${numbers.length} but found ${i}`);
    return found;
  };
  return {
    count: numbers.length,
    lengthOf: (i) => examples.lengthOf(number(i)),
    at: (i) => examples.at(number(i)),
    indexOf: (i) => examples.indexOf(number(i)),
    keysOf: (i) => examples.keysOf(number(i)),
  };
}

const maxChunkTokens = 1 << 20;

/**
 * An empty store. Tokens take 4 bytes (id, mask and which text of a pair in one word) and go to chunks; those past `holdBytes` go to `scratch`, asked for once
 * there are any. Without a scratch they are not kept: all is counted, and reading one throws RangeError.
 */
export function exampleStore(
  options: { readonly holdBytes?: number; readonly scratch?: () => Scratch } = {},
): ExampleStore {
  const { holdBytes = Infinity } = options;
  const chunkTokens = Math.max(16, Math.min(maxChunkTokens, Math.floor(holdBytes / 16)));
  const maxHeld = Math.max(1, Math.floor(holdBytes / (4 * chunkTokens)) - 1);
  const held: Int32Array[] = [];
  let open = new Int32Array(chunkTokens);
  let used = 0;
  let full = 0;
  let scratch: Scratch | undefined;
  const starts = growable(Float64Array);
  const lines = growable(Uint32Array);
  const keys = [growable(Uint32Array), growable(Uint32Array), growable(Uint32Array), growable(Uint32Array)] as const;
  /** Of classifiers alone. */
  const labels: Float32Array[] = [];
  let typed = false;
  starts.push(0);

  const close = (): void => {
    if (held.length < maxHeld) held.push(open);
    else {
      scratch ??= options.scratch?.();
      scratch?.append(new Uint8Array(open.buffer));
    }
    // A chunk that went to the file is free again.
    if (held.at(-1) === open) open = new Int32Array(chunkTokens);
    full++;
    used = 0;
  };

  const words = (start: number, count: number): Int32Array => {
    const found = new Int32Array(count);
    for (let done = 0; done < count;) {
      const chunk = Math.floor((start + done) / chunkTokens);
      const from = (start + done) % chunkTokens;
      const some = Math.min(count - done, chunkTokens - from);
      const inMemory = chunk === full ? open : held[chunk];
      if (inMemory !== undefined) found.set(inMemory.subarray(from, from + some), done);
      else if (scratch === undefined)
        throw new RangeError('Expected a file for the tokens that memory does not hold but there is none');
      else
        scratch.read(
          4 * ((chunk - held.length) * chunkTokens + from),
          new Uint8Array(found.buffer, 4 * done, 4 * some),
        );
      done += some;
    }
    return found;
  };

  const check = (i: number): number => {
    if (!(i >= 0 && i < lines.count()))
      throw new RangeError(`Expected an example below ${lines.count()} but found ${i}`);
    return i;
  };
  const lengthOf = (i: number): number => starts.at(check(i) + 1) - starts.at(i);
  return {
    get count() {
      return lines.count();
    },
    lengthOf,
    at(i) {
      const found = words(starts.at(check(i)), lengthOf(i));
      const mask = new Uint8Array(found.length);
      const tokenTypes = new Uint8Array(typed ? found.length : 0);
      for (let t = 0; t < found.length; t++) {
        const word = found[t] ?? 0;
        mask[t] = word & 1;
        if (typed) tokenTypes[t] = (word >>> 1) & 1;
        found[t] = word >>> 2;
      }
      const label = labels[i];
      return { index: lines.at(i), ids: found, mask, ...(typed ? { tokenTypes } : {}), ...(label ? { label } : {}) };
    },
    indexOf: (i) => lines.at(check(i)),
    keysOf(i) {
      const [a, b, c, d] = keys.map((key) => key.at(check(i)));
      const text: Hash64 = [a ?? 0, b ?? 0];
      return c === 0 && d === 0 ? { text } : { text, prompt: [c ?? 0, d ?? 0] };
    },
    add({ index, ids, mask, tokenTypes, label }, { text, prompt = [0, 0] }) {
      typed ||= tokenTypes !== undefined;
      if (label) labels[lines.count()] = label;
      for (let t = 0; t < ids.length; t++) {
        open[used++] = ((ids[t] ?? 0) << 2) | ((tokenTypes?.[t] ?? 0) << 1) | (mask[t] ?? 0);
        if (used === chunkTokens) close();
      }
      starts.push(starts.at(lines.count()) + ids.length);
      lines.push(index);
      [...text, ...prompt].forEach((word, k) => keys[k]?.push(word));
    },
    heldBytes: () => 4 * chunkTokens * (held.length + 1),
  };
}
