import { at, type Value } from '../graph.ts';
import { concat } from './concat.ts';
import { reshape } from './reshape.ts';

/** Values of one shape along a new axis; negative axes count from the end of the result. */
export function stack(parts: readonly Value[], axis = 0): Value {
  const { shape } = at(parts, 0).type;
  const along = axis < 0 ? axis + shape.length + 1 : axis;
  if (!Number.isInteger(along) || along < 0 || along > shape.length) {
    throw new RangeError(`stack: expected an axis in [${-shape.length - 1}, ${shape.length}] but found ${axis}`);
  }
  const single = [...shape.slice(0, along), 1, ...shape.slice(along)];
  return concat(
    parts.map((part) => reshape(part, single)),
    along,
  );
}
