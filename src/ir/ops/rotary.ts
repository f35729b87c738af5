import { el, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, sameShape } from '../types.ts';
import { add } from './add.ts';
import { concat } from './concat.ts';
import { constant } from './constant.ts';
import { embedding } from './embedding.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';
import { slice } from './slice.ts';
import { sub } from './sub.ts';
import { requireF32 } from './requireF32.ts';

export type RotaryAttrs = {
  /** Angle per position of each pair of channels; their number is half of the rotated channels. */
  readonly inverseFrequencies: readonly number[];
  /** Scales cosine and sine (yarn). */
  readonly attentionFactor: number;
  /** Positions lie in [0, positions). */
  readonly positions: number;
  /** Rotates backwards: the transpose, which is the gradient. */
  readonly inverse: boolean;
};

/** cos and sin [positions, pairs]. Angles are products in f32, as the field's implementations form them. */
export function rotaryTables({
  inverseFrequencies,
  attentionFactor,
  positions,
  inverse,
}: RotaryAttrs): [Float64Array, Float64Array] {
  const pairs = inverseFrequencies.length;
  const cos = new Float64Array(positions * pairs);
  const sin = new Float64Array(positions * pairs);
  for (let position = 0; position < positions; position++) {
    for (let pair = 0; pair < pairs; pair++) {
      const angle = Math.fround(position * Math.fround(el(inverseFrequencies, pair)));
      cos[position * pairs + pair] = Math.cos(angle) * attentionFactor;
      sin[position * pairs + pair] = Math.sin(angle) * attentionFactor * (inverse ? -1 : 1);
    }
  }
  return [cos, sin];
}

const sampleAttrs: RotaryAttrs = { inverseFrequencies: [1, 0.1], attentionFactor: 1, positions: 64, inverse: false };

export const rotaryOp: Op<RotaryAttrs> = defineOp<RotaryAttrs>({
  name: 'rotary',
  formula:
    'y_i = x_i cos pθ_i - x_{i+h} sin pθ_i, y_{i+h} = x_{i+h} cos pθ_i + x_i sin pθ_i; channels past 2h pass (Su et al. 2021, eq. 34)',
  infer: (inputs, { inverseFrequencies }) => {
    const x = required(inputs, 0);
    const positions = required(inputs, 1);
    requireF32([x]);
    if (x.shape.length !== 4 || 2 * inverseFrequencies.length > dimAt(x.shape, 3)) {
      throw new RangeError(
        `Expected [B, T, H, at least ${2 * inverseFrequencies.length}] but found ${formatShape(x.shape)}`,
      );
    }
    if (positions.dtype !== 'i32' || !sameShape(positions.shape, x.shape.slice(0, 2))) {
      throw new TypeError(
        `Expected i32 positions ${formatShape(x.shape.slice(0, 2))} but found ${positions.dtype}${formatShape(positions.shape)}`,
      );
    }
    return [x];
  },
  vjp: ({ inputs, cotangents, attrs }) => {
    const dy = cotangents[0];
    return dy ? [apply1(rotaryOp, [dy, required(inputs, 1)], { ...attrs, inverse: !attrs.inverse })] : [];
  },
  decompose: (inputs, attrs) => {
    const x = required(inputs, 0);
    const [batch, time, , width] = x.type.shape as [number, number, number, number];
    const pairs = attrs.inverseFrequencies.length;
    const [cos, sin] = rotaryTables(attrs).map((table) => {
      const rows = embedding(constant('f32', [attrs.positions, pairs], table), required(inputs, 1));
      return reshape(rows, [batch, time, 1, pairs]);
    }) as [Value, Value];
    const low = slice(x, 3, 0, pairs);
    const high = slice(x, 3, pairs, 2 * pairs);
    const parts = [sub(mul(low, cos), mul(high, sin)), add(mul(high, cos), mul(low, sin))];
    if (2 * pairs < width) parts.push(slice(x, 3, 2 * pairs, width));
    return [concat(parts, 3)];
  },
  onnx: (emit, inputs, { attrs, inputTypes }) => {
    const { shape } = required(inputTypes, 0);
    const [batch, time, heads, width] = shape as [number, number, number, number];
    const pairs = attrs.inverseFrequencies.length;
    const key = `rotary:${attrs.inverseFrequencies.join(',')}:${attrs.attentionFactor}:${attrs.positions}`;
    const table = (name: string, index: 0 | 1) =>
      emit.constant(`${key}:${name}`, 'f32', [attrs.positions, pairs], () => rotaryTables(attrs)[index]);
    const y = emit.node(
      'RotaryEmbedding',
      [
        emit.reshape(required(inputs, 0), [batch, time, heads * width]),
        emit.cast(required(inputs, 1), 'i64'),
        table('cos', 0),
        table(attrs.inverse ? 'negative sin' : 'sin', 1),
      ],
      {
        interleaved: { int: 0 },
        num_heads: { int: heads },
        rotary_embedding_dim: { int: 2 * pairs < width ? 2 * pairs : 0 },
      },
      { domain: 'com.microsoft' },
    );
    return [emit.reshape(y, shape)];
  },
  samples: () => [
    { name: 'whole head', attrs: sampleAttrs, inputs: [normal([2, 3, 2, 4], 1), i32([2, 3], [0, 1, 2, 5, 6, 63])] },
    {
      name: 'inverse, scaled',
      attrs: { ...sampleAttrs, inverse: true, attentionFactor: 1.3 },
      inputs: [normal([1, 2, 1, 4], 2), i32([1, 2], [3, 9])],
    },
    { name: 'part of the head', attrs: sampleAttrs, inputs: [normal([1, 3, 2, 8], 3), i32([1, 3], [7, 0, 1])] },
  ],
});

export interface RotaryFrequencies {
  readonly inverseFrequencies: readonly number[];
  readonly attentionFactor: number;
}

/** Rotates the channels of x [B, T, H, width] by its positions [B, T], all below `limit`. */
export function rotary(x: Value, positions: Value, frequencies: RotaryFrequencies, limit: number): Value {
  const { inverseFrequencies, attentionFactor } = frequencies;
  return apply1(rotaryOp, [x, positions], { inverseFrequencies, attentionFactor, positions: limit, inverse: false });
}
