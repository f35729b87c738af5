import { wasmModule } from './wasm/assembler.ts';
import { gemmKernels, tile } from './wasm/gemm.ts';
import { vectorKernels } from './wasm/kernels.ts';

/** Part of a matrix in the workspace: the address of its first element in bytes, the row stride in elements. */
export interface View {
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
}

/** A zeroed matrix of f64, its rows and their ends padded with zeros. */
export interface Grid extends View {
  readonly data: Float64Array;
}

export type Kernel = (...operands: readonly number[]) => void;

/** Memory and kernels of one thread. Nothing in it outlives the task that reserved it. */
export interface Workspace {
  /** Frees everything and makes room for that many f64. */
  reserve(count: number): void;
  grid(rows: number, columns: number): Grid;
  /** Runs the body and frees what it took. */
  scoped<T>(body: () => T): T;
  /** Integers in the memory. */
  integers(count: number): { readonly at: number; readonly data: Int32Array };
  /** C ← C + α op(A) op(B) */
  gemm(c: View, a: View, b: View, options?: GemmOptions): void;
  readonly kernels: Readonly<Record<'updateAndCombine' | 'dots' | 'rankOne' | 'rotateRows', Kernel>>;
}

export interface GemmOptions {
  readonly alpha?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

const bytes = Float64Array.BYTES_PER_ELEMENT;
const pageBytes = 1 << 16;
/** Rounding of what is taken to cache lines. */
const slack = 64 * 64;
/** Sizes of the packed blocks: B in the second cache, a panel of it in the first. */
const blocked = { rows: 96, depth: 256, columns: 512 };
const packedA = blocked.rows * blocked.depth;
const packedB = blocked.columns * blocked.depth;

/** The next multiple of `unit`. */
export const padded = (count: number, unit: number): number => Math.ceil(count / unit) * unit;

/** Row stride: whole cache lines, an odd number of them, so that the rows of a column do not share cache sets. */
const strideOf = (columns: number): number => padded(columns, 8) | 8;

/** f64 that a grid takes: kernels work on tiles, so four rows behind the last one may be read and written with zeros. */
export const gridSize = (rows: number, columns: number): number => (padded(rows, tile) + tile) * strideOf(columns);

export const view = (of: View, row: number, column: number, rows: number, columns: number): View => ({
  at: of.at + (row * of.stride + column) * bytes,
  rows,
  columns,
  stride: of.stride,
});

/** Address of an element in bytes. */
export const address = (of: View, row: number, column = 0): number => of.at + (row * of.stride + column) * bytes;

/** Memory that a workspace keeps between tasks. */
const keptBytes = 1 << 28;

type Exports = { readonly memory: WebAssembly.Memory } & Readonly<
  Record<'updateAndCombine' | 'dots' | 'rankOne' | 'rotateRows' | 'pack' | 'multiply', Kernel>
>;

/** Compiles the kernels for the calling thread. */
export async function workspace(): Promise<Workspace> {
  const module = await WebAssembly.compile(wasmModule([...vectorKernels, ...gemmKernels]));
  const instantiate = (): Exports => new WebAssembly.Instance(module).exports as Exports;
  let wasm = instantiate();
  const base = (packedA + packedB) * bytes;
  let top = base;

  const take = (size: number): number => {
    const at = top;
    if (at + size > wasm.memory.buffer.byteLength) throw new Error('Expected room in the workspace but it is full');
    top += padded(size, 64);
    return at;
  };

  return {
    reserve: (count) => {
      top = base;
      const needed = base + count * bytes + slack;
      // Memory of WebAssembly never shrinks: what one large matrix took goes back with its instance.
      if (wasm.memory.buffer.byteLength > Math.max(keptBytes, needed)) wasm = instantiate();
      const missing = needed - wasm.memory.buffer.byteLength;
      if (missing <= 0) return;
      try {
        wasm.memory.grow(Math.ceil(missing / pageBytes));
      } catch {
        throw new RangeError(
          `Expected room for ${(needed / 2 ** 30).toFixed(2)} GiB of work memory (at most 4) but the engine has none`,
        );
      }
    },
    grid: (rows, columns) => {
      const size = gridSize(rows, columns);
      const at = take(size * bytes);
      const data = new Float64Array(wasm.memory.buffer, at, size).fill(0);
      return { at, rows, columns, stride: strideOf(columns), data };
    },
    integers: (count) => {
      const at = take(count * 4);
      return { at, data: new Int32Array(wasm.memory.buffer, at, count) };
    },
    scoped: (body) => {
      const before = top;
      try {
        return body();
      } finally {
        top = before;
      }
    },
    gemm: (c, a, b, { alpha = 1, transposeA = false, transposeB = false } = {}) => {
      const { pack, multiply } = wasm;
      const [rowA, depthA] = transposeA ? [1, a.stride] : [a.stride, 1];
      const [depthB, columnB] = transposeB ? [1, b.stride] : [b.stride, 1];
      const depth = transposeA ? a.rows : a.columns;
      for (let j = 0; j < c.columns; j += blocked.columns) {
        const columns = Math.min(blocked.columns, c.columns - j);
        for (let p = 0; p < depth; p += blocked.depth) {
          const deep = Math.min(blocked.depth, depth - p);
          const fromB = b.at + (p * depthB + j * columnB) * bytes;
          pack(fromB, columnB * bytes, depthB * bytes, columns, deep, 1, packedA * bytes);
          for (let i = 0; i < c.rows; i += blocked.rows) {
            const rows = Math.min(blocked.rows, c.rows - i);
            const fromA = a.at + (i * rowA + p * depthA) * bytes;
            pack(fromA, rowA * bytes, depthA * bytes, rows, deep, alpha, 0);
            multiply(0, packedA * bytes, address(c, i, j), c.stride * bytes, rows, columns, deep);
          }
        }
      }
    },
    get kernels() {
      return wasm;
    },
  };
}
