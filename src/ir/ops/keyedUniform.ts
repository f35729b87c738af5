import { el, emptyDense, i32 } from '../dense.ts';
import { apply1, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { philox, uniformOf } from '../random.ts';
import { formatShape, sameShape, tensorType } from '../types.ts';

type UniformAttrs = {
  /** Tells draws of one step apart: 0, or the hash of a name. */
  readonly stream: number;
};

export const keyedUniformOp: Op<UniformAttrs> = defineOp<UniformAttrs>({
  name: 'keyedUniform',
  formula:
    'y = U[0, 1) in 24 bits, from Philox4x32-10 at counter (position, example, stream, 0), first word: the same however rows are batched and on every engine',
  infer: (inputs) => {
    const [key, examples, positions] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const whole = [key, examples, positions].every(({ dtype }) => dtype === 'i32');
    if (!whole || !sameShape(key.shape, [2]) || !sameShape(examples.shape, positions.shape)) {
      throw new TypeError(
        `Expected i32: a key [2], and examples and positions of one shape, but found ${formatShape(key.shape)}, ${formatShape(examples.shape)}, ${formatShape(positions.shape)}`,
      );
    }
    return [tensorType('f32', examples.shape)];
  },
  vjp: 'nondifferentiable',
  reference: (inputs, attrs) => {
    const [key, examples, positions] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const y = emptyDense('f32', examples.shape);
    fill(y.data, key.data, examples.data, positions.data, attrs);
    return [y];
  },
  host: (inputs, attrs, out) => fill(out, at(inputs, 0), at(inputs, 1), at(inputs, 2), attrs),
  samples: () => [
    {
      name: 'rows',
      attrs: { stream: 3 },
      inputs: [i32([2], [1, 2]), i32([4], [0, 0, 1, 7]), i32([4], [0, 1, 0, 99])],
    },
  ],
});

function fill(
  out: Float64Array | Float32Array | Int32Array | Uint8Array,
  key: ArrayLike<number>,
  examples: ArrayLike<number>,
  positions: ArrayLike<number>,
  { stream }: UniformAttrs,
): void {
  const block = new Uint32Array(4);
  for (let i = 0; i < examples.length; i++) {
    philox(block, 0, el(key, 0), el(key, 1), el(positions, i), el(examples, i), stream, 0);
    out[i] = uniformOf(el(block, 0));
  }
}

/** Uniforms in [0, 1) of the shape of examples and positions, i32, under a key i32 [2]: leaves, filled before a run. */
export function keyedUniform(key: Value, examples: Value, positions: Value, stream = 0): Value {
  return apply1(keyedUniformOp, [key, examples, positions], { stream });
}
