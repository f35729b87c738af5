import { el, emptyDense, i32 } from '../dense.ts';
import { apply1, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { philox, uniformOf } from '../random.ts';
import { formatShape, sameShape, tensorType } from '../types.ts';

type KeepAttrs = {
  readonly width: number;
  readonly keep: number;
  /** Tells masks of one step apart: the hash of the site's name. */
  readonly stream: number;
};

export const keepMaskOp: Op<KeepAttrs> = defineOp<KeepAttrs>({
  name: 'keepMask',
  formula:
    'y[b, t, i] = U < keep with U from Philox4x32-10 at counter (⌊i/4⌋, position, example, stream), word i mod 4: a token keeps its mask however it is batched',
  infer: (inputs, { width }) => {
    const [key, examples, positions] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const whole = [key, examples, positions].every(({ dtype }) => dtype === 'i32');
    if (!whole || !sameShape(key.shape, [2]) || !sameShape(examples.shape, positions.shape)) {
      throw new TypeError(
        `Expected i32: a key [2], and examples and positions of one shape, but found ${formatShape(key.shape)}, ${formatShape(examples.shape)}, ${formatShape(positions.shape)}`,
      );
    }
    return [tensorType('bool', [...examples.shape, width])];
  },
  vjp: 'nondifferentiable',
  reference: (inputs, attrs) => {
    const [key, examples, positions] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const mask = emptyDense('bool', [...examples.shape, attrs.width]);
    fillKeepMask(mask.data, key.data, examples.data, positions.data, attrs);
    return [mask];
  },
  host: (inputs, attrs, out) => fillKeepMask(out, at(inputs, 0), at(inputs, 1), at(inputs, 2), attrs),
  samples: () => [
    {
      name: 'tokens',
      attrs: { width: 6, keep: 0.5, stream: 7 },
      inputs: [i32([2], [1, 2]), i32([1, 3], [0, 0, 1]), i32([1, 3], [0, 1, 0])],
    },
  ],
});

/** Writes the mask of every token. */
function fillKeepMask(
  out: Float64Array | Float32Array | Int32Array | Uint8Array,
  key: ArrayLike<number>,
  examples: ArrayLike<number>,
  positions: ArrayLike<number>,
  { width, keep, stream }: KeepAttrs,
): void {
  const block = new Uint32Array(4);
  for (let token = 0; token < examples.length; token++) {
    for (let i = 0; i < width; i++) {
      if (i % 4 === 0)
        philox(block, 0, el(key, 0), el(key, 1), i / 4, el(positions, token), el(examples, token), stream);
      out[token * width + i] = uniformOf(el(block, i % 4)) < keep ? 1 : 0;
    }
  }
}

/** Bool [B, T, width], true with probability `keep`, for tokens of (example, position) [B, T] under a key i32 [2]. */
export function keepMask(key: Value, examples: Value, positions: Value, attrs: KeepAttrs): Value {
  return apply1(keepMaskOp, [key, examples, positions], attrs);
}
