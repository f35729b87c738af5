import { bool, f32, i32, normal } from '../../../src/ir/dense.ts';
import { vjp } from '../../../src/ir/grad.ts';
import { input, type Value } from '../../../src/ir/graph.ts';
import * as ir from '../../../src/ir/index.ts';
import { type Dense, type Shape, sizeOf } from '../../../src/ir/types.ts';

/** What a property draws its operands from; the same seed draws the same. */
export interface Draw {
  /** A whole number below `below`. */
  pick(below: number): number;
  /** Small, with ones and odd sizes. */
  size(): number;
  /** One to four sizes. */
  shape(most?: number): number[];
  /** A leaf, or what is again of this shape after a transposition, a cut or a broadcast. */
  f32(shape: Shape, make?: (shape: Shape, seed: number) => Dense): Value;
  /** A leaf and nothing else, whose values `make` has chosen. */
  plain(shape: Shape, make: (shape: Shape, seed: number) => Dense): Value;
  i32(shape: Shape, below: number): Value;
  bool(shape: Shape): Value;
}

/** Something that holds for operands of any shape: what `build` gives is the same on every engine. */
export interface Property {
  readonly name: string;
  /** Equal to the last bit; gradients are not looked at. */
  readonly exact?: boolean;
  /** The two values are equal to the last bit on every engine. */
  readonly identity?: boolean;
  /** Relative to the largest magnitude, 1 at least; default 5e-6. */
  readonly tolerance?: number;
  /** Why no gradient is taken. */
  readonly skipGradient?: string;
  build(draw: Draw): readonly Value[];
}

/** Uniform whole numbers from a seed (mulberry32). */
export function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** Values with ties, zeros and magnitudes from 1e-3 to 1e3. */
export function mixed(shape: Shape, seed: number): Dense {
  const pick = generator(seed);
  const { data } = normal(shape, seed);
  return f32(
    shape,
    data.map((value) => {
      const kind = pick(4);
      // Zeros are positive, so that identities hold to the bit.
      if (kind === 0) return Math.round(value * 2) / 2 + 0;
      return kind === 1 ? value * 10 ** (pick(7) - 3) : value;
    }),
  );
}

/** Standard normal values, for what a large operand would only saturate. */
export const moderate = (shape: Shape, seed: number): Dense => normal(shape, seed);

/** Left out half the time. */
export const maybe = (draw: Draw, make: () => Value): Value | null => (draw.pick(2) === 0 ? null : make());

const sizes = [1, 1, 2, 3, 5, 8];

export function drawer(seed: number, prefix: string): { draw: Draw; feeds: Record<string, Dense>; leaves: Value[] } {
  const pick = generator(seed);
  const feeds: Record<string, Dense> = {};
  const leaves: Value[] = [];
  const leaf = (operand: Dense): Value => {
    const name = `${prefix} ${leaves.length}`;
    feeds[name] = operand;
    const value = input(name, operand.dtype, operand.shape);
    leaves.push(value);
    return value;
  };
  const fresh = (): number => seed * 31 + leaves.length;
  const size = (): number => sizes[pick(sizes.length)] ?? 1;
  const draw: Draw = {
    pick,
    size,
    shape: (most = 4) => Array.from({ length: 1 + pick(most) }, size),
    f32: (shape, make = mixed) => {
      const axis = shape.length === 0 ? 0 : pick(shape.length);
      switch (pick(8)) {
        case 0: {
          const order = shape.map((_, i) => (i + 1) % shape.length);
          const back = shape.map((_, i) => (i + shape.length - 1) % shape.length);
          return ir.transpose(
            leaf(
              make(
                order.map((i) => shape[i] ?? 1),
                fresh(),
              ),
            ),
            back,
          );
        }
        case 1: {
          if (shape.length === 0) break;
          const wider = shape.map((dim, i) => (i === axis ? dim + 3 : dim));
          return ir.slice(leaf(make(wider, fresh())), axis, 2, 2 + (shape[axis] ?? 1));
        }
        case 2:
          return ir.broadcastTo(
            leaf(
              make(
                shape.map((dim, i) => (i === axis ? 1 : dim)),
                fresh(),
              ),
            ),
            shape,
          );
        default:
      }
      return leaf(make(shape, fresh()));
    },
    plain: (shape, make) => leaf(make(shape, fresh())),
    i32: (shape, below) =>
      leaf(
        i32(
          shape,
          Array.from({ length: sizeOf(shape) }, () => pick(below)),
        ),
      ),
    bool: (shape) =>
      leaf(
        bool(
          shape,
          Array.from({ length: sizeOf(shape) }, () => pick(2)),
        ),
      ),
  };
  return { draw, feeds, leaves };
}

/** The outputs of a property by name, with the gradients of the first by every f32 leaf. */
export interface Drawn {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly feeds: Readonly<Record<string, Dense>>;
}

export function drawn(property: Property, seed: number): Drawn {
  const { name, exact, identity, skipGradient } = property;
  const { draw, feeds, leaves } = drawer(seed, name);
  const values = property.build(draw);
  const outputs: Record<string, Value> = Object.fromEntries(values.map((y, i) => [`${name}: ${i}`, y]));
  const y = values.find(({ type }) => type.dtype === 'f32');
  const wrt = leaves.filter(({ type }) => type.dtype === 'f32');
  if (!y || exact || identity || skipGradient !== undefined || wrt.length === 0) return { outputs, feeds };
  const dy = input(`${name} dy`, 'f32', y.type.shape);
  feeds[`${name} dy`] = normal(y.type.shape, seed + 7);
  vjp([[y, dy]], wrt).forEach((gradient, i) => {
    outputs[`${name}: gradient ${i}`] = gradient;
  });
  return { outputs, feeds };
}
