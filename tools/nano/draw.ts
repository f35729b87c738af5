import { fillUniform, randomKey } from '../../src/ir/random.ts';

/** Choices that depend on the seed, a name and an index alone. */
export interface Draw {
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  of<T>(items: readonly T[]): T;
  /** Different items, in drawn order. */
  some<T>(items: readonly T[], count: number): T[];
}

export function drawer(seed: number, name: string, index: number): Draw {
  const uniforms = new Float32Array(64);
  const key = randomKey(seed, name, index);
  let used = 0;
  const next = (): number => {
    if (used % uniforms.length === 0) fillUniform(uniforms, key, used);
    return uniforms[used++ % uniforms.length] ?? 0;
  };
  const below = (count: number): number => Math.floor(next() * count);
  const of = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new RangeError('Expected something to draw from but found nothing');
    return item;
  };
  const some = <T>(items: readonly T[], count: number): T[] => {
    const left = [...items];
    return Array.from({ length: count }, () => left.splice(below(left.length), 1)).flat();
  };
  return { below, of, some };
}
