import { blockElementsOf, bytesOf } from './storage.ts';
import { castSource, type TensorSource, tensorSource } from './tensor-source.ts';

/** The transpose of a matrix; blocks, which run along rows, are widened to f32. */
export function transposedSource(source: TensorSource, name: string): TensorSource {
  if (blockElementsOf(source.storage) > 1) return transposedSource(castSource(source, 'f32'), name);
  const [rows = 1, columns = 1, ...more] = source.shape;
  if (more.length > 0) throw new RangeError(`${source.name}: expected a matrix but found [${source.shape.join(', ')}]`);
  const step = bytesOf(source.storage, 1);
  return tensorSource(name, [columns, rows], source.storage, async function* () {
    if (source.byteLength === 0) return;
    const stored = await source.read();
    const turned = new Uint8Array(stored.byteLength);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const from = (row * columns + column) * step;
        const to = (column * rows + row) * step;
        for (let byte = 0; byte < step; byte++) turned[to + byte] = stored[from + byte] ?? 0;
      }
    }
    yield turned;
  });
}
