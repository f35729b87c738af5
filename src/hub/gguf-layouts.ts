import { named } from '../ir/errors.ts';
import { sizeOf } from '../ir/types.ts';
import { bytesOf } from '../runtime/storage.ts';
import { elementCountOf, f32Source, type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import { transposedSource } from '../runtime/transposed-source.ts';

/** A tensor that lies in a GGUF otherwise than in a checkpoint, both ways; `name` is what it is called afterwards. */
export interface GgufLayout {
  read(source: TensorSource, name: string): TensorSource;
  write(source: TensorSource, name: string): TensorSource;
}

/** Rows of heads in another order, whole rows at a time and so blocks too; `to` says where row `within` of a head of 2·half rows goes. */
function reordered(
  source: TensorSource,
  name: string,
  heads: number,
  to: (within: number, half: number) => number,
): TensorSource {
  const { shape, storage, byteLength } = source;
  const rows = shape[0] ?? 1;
  const rowBytes = named(source.name, () => bytesOf(storage, sizeOf(shape.slice(1))));
  const half = rows / heads / 2;
  if (!Number.isInteger(half))
    throw new RangeError(`${source.name}: expected ${heads} heads of even size but found ${rows} rows`);
  return tensorSource(name, shape, storage, async function* () {
    // A hostile shape may have any number of empty rows.
    if (byteLength === 0) return;
    const stored = await source.read();
    const ordered = new Uint8Array(byteLength);
    for (let row = 0; row < rows; row++) {
      const within = row % (2 * half);
      ordered.set(stored.subarray(row * rowBytes, (row + 1) * rowBytes), (row - within + to(within, half)) * rowBytes);
    }
    yield ordered;
  });
}

/** GGUF's row order of llama's q and k: within a head of d rows, row p·d/2 + j of a checkpoint is row 2j + p. */
export const interleavedHalves = (heads: number): GgufLayout => ({
  read: (source, name) =>
    reordered(source, name, heads, (within, half) => (within % 2) * half + Math.floor(within / 2)),
  write: (source, name) =>
    reordered(source, name, heads, (within, half) => 2 * (within % half) + Math.floor(within / half)),
});

/** A matrix that a checkpoint has as [in, out] and GGUF as [out, in]. */
export const transposedMatrix: GgufLayout = { read: transposedSource, write: transposedSource };

function mapped(source: TensorSource, name: string, change: (value: number) => number): TensorSource {
  return tensorSource(name, source.shape, 'f32', async function* () {
    const values = new Float32Array(elementCountOf(source.shape));
    await source.readF32(values);
    for (let i = 0; i < values.length; i++) values[i] = change(values[i] ?? 0);
    yield* f32Source(name, source.shape, values).chunks();
  });
}

/** A norm's weight w that GGUF has as factor · (1 + w), in f32; read back it is as if the factor were 1. */
export const shiftedNorm = (factor = 1): GgufLayout => ({
  read: (source, name) => mapped(source, name, (value) => value - 1),
  write: (source, name) => mapped(source, name, (value) => factor * (1 + value)),
});
