type Kind = Uint32ArrayConstructor | Float64ArrayConstructor;

/** A list of numbers that grows in a typed array: 4 or 8 bytes each, however many there are. */
export interface Growable {
  readonly count: () => number;
  readonly push: (value: number) => void;
  readonly at: (i: number) => number;
}

export function growable(Type: Kind): Growable {
  let values = new Type(1024);
  let count = 0;
  return {
    count: () => count,
    push(value) {
      if (count === values.length) {
        const larger = new Type(2 * count);
        larger.set(values);
        values = larger;
      }
      values[count++] = value;
    },
    at: (i) => values[i] ?? 0,
  };
}
