import {
  advance,
  block,
  type Code,
  f64,
  f64x2,
  i32,
  ifElse,
  type Local,
  wasmFunction,
  type WasmFunction,
  whileLoop,
} from './assembler.ts';

const bytes = 8;
const range = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** Rows and columns of the tile that stays in registers. */
export const tile = 4;

/** Four of `count` lines side by side: out[4 p + r] = scale · a[r line + p step], zero where there is no line; strides in bytes. */
const pack = wasmFunction(
  'pack',
  { a: 'i32', line: 'i32', step: 'i32', count: 'i32', depth: 'i32', scale: 'f64', out: 'i32' },
  ({ a, line, step, count, depth, scale, out }, local) => {
    const [lane, from, to, end] = [local('i32'), local('i32'), local('i32'), local('i32')];
    const panel = i32.mul(depth.get, i32.const(tile * bytes));
    const lines = (value: Code): Code =>
      whileLoop(
        i32.below(to.get, end.get),
        f64.store(to.get, value),
        advance(from, step.get),
        advance(to, i32.const(tile * bytes)),
      );
    return whileLoop(
      i32.lessThan(i32.const(0), count.get),
      lane.set(i32.const(0)),
      whileLoop(
        i32.lessThan(lane.get, i32.const(tile)),
        from.set(i32.add(a.get, i32.mul(lane.get, line.get))),
        to.set(i32.add(out.get, i32.mul(lane.get, i32.const(bytes)))),
        end.set(i32.add(to.get, panel)),
        ifElse(i32.lessThan(lane.get, count.get), lines(f64.mul(scale.get, f64.load(from.get))), lines(f64.zero)),
        advance(lane, i32.const(1)),
      ),
      advance(a, i32.mul(line.get, i32.const(tile))),
      advance(out, panel),
      count.set(i32.sub(count.get, i32.const(tile))),
    );
  },
);

/** C ← C + A B of packed panels, tile by tile; tiles past the last row or column add zeros. */
const multiply = wasmFunction(
  'multiply',
  { a: 'i32', b: 'i32', c: 'i32', stride: 'i32', rows: 'i32', columns: 'i32', depth: 'i32' },
  ({ a, b, c, stride, rows, columns, depth }, local) => {
    const [panelA, panelB, panel, left, rowC, column] = range(6, () => local('i32')) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const [atA, atB, end] = [local('i32'), local('i32'), local('i32')];
    const sums = range(2 * tile, () => local('v128'));
    const [b0, b1, scale] = [local('v128'), local('v128'), local('v128')];
    const products = range(tile, (i) => {
      const [left, right] = [sums[2 * i] as Local, sums[2 * i + 1] as Local];
      return block(
        scale.set(f64x2.loadSplat(atA.get, i * bytes)),
        left.set(f64x2.add(left.get, f64x2.mul(scale.get, b0.get))),
        right.set(f64x2.add(right.get, f64x2.mul(scale.get, b1.get))),
      );
    });
    const store = range(tile, (i) =>
      block(
        ...[0, 1].map((half) => {
          const value = f64x2.add(f64x2.load(rowC.get, 16 * half), (sums[2 * i + half] as Local).get);
          return f64x2.store(rowC.get, value, 16 * half);
        }),
        advance(rowC, stride.get),
      ),
    );
    return block(
      panel.set(i32.mul(depth.get, i32.const(tile * bytes))),
      panelB.set(b.get),
      column.set(c.get),
      whileLoop(
        i32.lessThan(i32.const(0), columns.get),
        panelA.set(a.get),
        left.set(rows.get),
        rowC.set(column.get),
        whileLoop(
          i32.lessThan(i32.const(0), left.get),
          ...sums.map((sum) => sum.set(f64x2.zero)),
          atA.set(panelA.get),
          atB.set(panelB.get),
          end.set(i32.add(panelA.get, panel.get)),
          whileLoop(
            i32.below(atA.get, end.get),
            b0.set(f64x2.load(atB.get)),
            b1.set(f64x2.load(atB.get, 16)),
            ...products,
            advance(atA, i32.const(tile * bytes)),
            advance(atB, i32.const(tile * bytes)),
          ),
          ...store,
          advance(panelA, panel.get),
          left.set(i32.sub(left.get, i32.const(tile))),
        ),
        advance(panelB, panel.get),
        advance(column, i32.const(tile * bytes)),
        columns.set(i32.sub(columns.get, i32.const(tile))),
      ),
    );
  },
);

export const gemmKernels: readonly WasmFunction[] = [pack, multiply];
