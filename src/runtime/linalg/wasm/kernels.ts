import {
  advance,
  block,
  type Code,
  f64,
  f64x2,
  i32,
  type Local,
  wasmFunction,
  type WasmFunction,
  whileLoop,
} from './assembler.ts';

const bytes = 8;
const range = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const sumLanes = (pair: Code): Code => f64.add(f64x2.lane(pair, 0), f64x2.lane(pair, 1));

/** A ← A - u yᵀ - x vᵀ and w ← w + Aᵀ next in one pass, two rows at a time; `width` in bytes, a multiple of 16. */
const updateAndCombine = wasmFunction(
  'updateAndCombine',
  {
    a: 'i32',
    stride: 'i32',
    rows: 'i32',
    width: 'i32',
    u: 'i32',
    y: 'i32',
    x: 'i32',
    v: 'i32',
    next: 'i32',
    w: 'i32',
  },
  ({ a, stride, rows, width, u, y, x, v, next, w }, local) => {
    const [row, other, end] = [local('i32'), local('i32'), local('i32')];
    const [atY, atV, atW] = [local('i32'), local('i32'), local('i32')];
    const scales = [u, x, next].map((from) => ({ from, of: [local('v128'), local('v128')] }));
    const [us, xs, nexts] = scales.map(({ of }) => of) as [Local[], Local[], Local[]];
    const [yy, vv, sum] = [local('v128'), local('v128'), local('v128')];
    const updated = local('v128');
    const oneRow = (pointer: Local, index: number): Code => {
      const [ui, xi, ni] = [us[index], xs[index], nexts[index]] as [Local, Local, Local];
      const less = f64x2.sub(f64x2.load(pointer.get), f64x2.mul(ui.get, yy.get));
      return block(
        updated.set(f64x2.sub(less, f64x2.mul(xi.get, vv.get))),
        f64x2.store(pointer.get, updated.get),
        sum.set(f64x2.add(sum.get, f64x2.mul(ni.get, updated.get))),
      );
    };
    return whileLoop(
      i32.lessThan(i32.const(0), rows.get),
      ...scales.flatMap(({ from, of }) => of.map((scale, i) => scale.set(f64x2.loadSplat(from.get, i * bytes)))),
      row.set(a.get),
      other.set(i32.add(a.get, stride.get)),
      end.set(i32.add(a.get, width.get)),
      atY.set(y.get),
      atV.set(v.get),
      atW.set(w.get),
      whileLoop(
        i32.below(row.get, end.get),
        yy.set(f64x2.load(atY.get)),
        vv.set(f64x2.load(atV.get)),
        sum.set(f64x2.load(atW.get)),
        oneRow(row, 0),
        oneRow(other, 1),
        f64x2.store(atW.get, sum.get),
        ...[row, other, atY, atV, atW].map((pointer) => advance(pointer, i32.const(16))),
      ),
      advance(a, i32.add(stride.get, stride.get)),
      ...[u, x, next].map((pointer) => advance(pointer, i32.const(2 * bytes))),
      rows.set(i32.sub(rows.get, i32.const(2))),
    );
  },
);

/** out ← A v, four rows at a time; `width` in bytes, a multiple of 32. */
const dots = wasmFunction(
  'dots',
  { a: 'i32', stride: 'i32', rows: 'i32', width: 'i32', v: 'i32', out: 'i32' },
  ({ a, stride, rows, width, v, out }, local) => {
    const at = range(4, () => local('i32'));
    const [atV, end] = [local('i32'), local('i32')];
    const sums = range(8, () => local('v128'));
    const [first, second] = [local('v128'), local('v128')];
    return whileLoop(
      i32.lessThan(i32.const(0), rows.get),
      ...at.map((pointer, i) => pointer.set(i32.add(a.get, i32.mul(stride.get, i32.const(i))))),
      ...sums.map((sum) => sum.set(f64x2.zero)),
      atV.set(v.get),
      end.set(i32.add(v.get, width.get)),
      whileLoop(
        i32.below(atV.get, end.get),
        first.set(f64x2.load(atV.get)),
        second.set(f64x2.load(atV.get, 16)),
        ...at.flatMap((pointer, i) =>
          [first, second].map((part, half) => {
            const sum = sums[2 * i + half] as Local;
            return sum.set(f64x2.add(sum.get, f64x2.mul(f64x2.load(pointer.get, 16 * half), part.get)));
          }),
        ),
        ...[...at, atV].map((pointer) => advance(pointer, i32.const(32))),
      ),
      ...at.map((_, i) => {
        const [even, odd] = [sums[2 * i] as Local, sums[2 * i + 1] as Local];
        return block(even.set(f64x2.add(even.get, odd.get)), f64.store(out.get, sumLanes(even.get), i * bytes));
      }),
      advance(a, i32.mul(stride.get, i32.const(4))),
      advance(out, i32.const(4 * bytes)),
      rows.set(i32.sub(rows.get, i32.const(4))),
    );
  },
);

/** A ← A - x vᵀ; `width` in bytes, a multiple of 16. */
const rankOne = wasmFunction(
  'rankOne',
  { a: 'i32', stride: 'i32', rows: 'i32', width: 'i32', x: 'i32', v: 'i32' },
  ({ a, stride, rows, width, x, v }, local) => {
    const [row, end, atV, scale] = [local('i32'), local('i32'), local('i32'), local('v128')];
    return whileLoop(
      i32.lessThan(i32.const(0), rows.get),
      scale.set(f64x2.loadSplat(x.get)),
      row.set(a.get),
      end.set(i32.add(a.get, width.get)),
      atV.set(v.get),
      whileLoop(
        i32.below(row.get, end.get),
        f64x2.store(row.get, f64x2.sub(f64x2.load(row.get), f64x2.mul(scale.get, f64x2.load(atV.get)))),
        ...[row, atV].map((pointer) => advance(pointer, i32.const(16))),
      ),
      advance(a, stride.get),
      advance(x, i32.const(bytes)),
      rows.set(i32.sub(rows.get, i32.const(1))),
    );
  },
);

/**
 * Sweeps of plane rotations of rows: (aᵢ, aᵢ₊₁) ← (c aᵢ + s aᵢ₊₁, c aᵢ₊₁ - s aᵢ) for consecutive i. Eight columns stay in
 * the nearest cache through all sweeps. A sweep is 16 bytes of `table`: first row's offset, number of rotations, address of (c, s).
 */
const rotateRows = wasmFunction(
  'rotateRows',
  { a: 'i32', stride: 'i32', chunks: 'i32', table: 'i32', sweeps: 'i32' },
  ({ a, stride, chunks, table, sweeps }, local) => {
    const [sweep, left, row, below, angles, rotations] = range(6, () => local('i32')) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const carried = range(4, () => local('v128'));
    const next = range(4, () => local('v128'));
    const [c, s] = [local('v128'), local('v128')];
    const rotate = carried.flatMap((x, i) => {
      const y = next[i] as Local;
      return [
        y.set(f64x2.load(below.get, 16 * i)),
        f64x2.store(row.get, f64x2.add(f64x2.mul(c.get, x.get), f64x2.mul(s.get, y.get)), 16 * i),
        x.set(f64x2.sub(f64x2.mul(c.get, y.get), f64x2.mul(s.get, x.get))),
      ];
    });
    return whileLoop(
      i32.lessThan(i32.const(0), chunks.get),
      sweep.set(table.get),
      left.set(sweeps.get),
      whileLoop(
        i32.lessThan(i32.const(0), left.get),
        row.set(i32.add(a.get, i32.load(sweep.get))),
        rotations.set(i32.load(sweep.get, 4)),
        angles.set(i32.load(sweep.get, 8)),
        ...carried.map((x, i) => x.set(f64x2.load(row.get, 16 * i))),
        whileLoop(
          i32.lessThan(i32.const(0), rotations.get),
          below.set(i32.add(row.get, stride.get)),
          c.set(f64x2.loadSplat(angles.get)),
          s.set(f64x2.loadSplat(angles.get, bytes)),
          ...rotate,
          row.set(below.get),
          advance(angles, i32.const(2 * bytes)),
          rotations.set(i32.sub(rotations.get, i32.const(1))),
        ),
        ...carried.map((x, i) => f64x2.store(row.get, x.get, 16 * i)),
        advance(sweep, i32.const(16)),
        left.set(i32.sub(left.get, i32.const(1))),
      ),
      advance(a, i32.const(8 * bytes)),
      chunks.set(i32.sub(chunks.get, i32.const(1))),
    );
  },
);

export const vectorKernels: readonly WasmFunction[] = [updateAndCombine, dots, rankOne, rotateRows];
