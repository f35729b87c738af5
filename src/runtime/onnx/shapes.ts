import { at } from '../../ir/graph.ts';
import { broadcastShapes, dimAt, type Shape } from '../../ir/types.ts';
import type { OnnxElementType } from './dtypes.ts';
import type { OnnxAttribute, OnnxModel, OnnxNode } from './encode.ts';

export interface OnnxType {
  readonly dtype: OnnxElementType;
  readonly shape: Shape;
}

/** What a rule sees of a node: types of its inputs, values of those that are constants, attributes. */
interface View {
  readonly types: readonly (OnnxType | undefined)[];
  /** The elements of a constant input as numbers; undefined where it is left out. */
  integers(index: number): readonly number[] | undefined;
  integer(name: string, otherwise: number): number;
  integersOf(name: string): readonly number[];
  readonly outputs: number;
}

type Rule = (view: View) => readonly OnnxType[];

function first({ types }: View): OnnxType {
  const type = types[0];
  if (!type) throw new TypeError('Expected a first input but found none');
  return type;
}

const sameAsFirst: Rule = (view) => Array.from({ length: view.outputs }, () => first(view));

const broadcast =
  (dtype?: OnnxElementType): Rule =>
  ({ types }) => {
    const given = types.flatMap((type) => type ?? []);
    const shape = given.map((type) => type.shape).reduce(broadcastShapes);
    return [{ dtype: dtype ?? at(given, given.length - 1).dtype, shape }];
  };

const fromEnd = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const withSize = (shape: Shape, axis: number, size: number): number[] =>
  shape.map((dim, i) => (i === fromEnd(axis, shape.length) ? size : dim));

const reduction: Rule = (view) => {
  const { dtype, shape } = first(view);
  const axes = new Set((view.integers(1) ?? shape.map((_, i) => i)).map((axis) => fromEnd(axis, shape.length)));
  const kept = view.integer('keepdims', 1) === 1;
  return [{ dtype, shape: shape.flatMap((dim, i) => (!axes.has(i) ? [dim] : kept ? [1] : [])) }];
};

/** The last two axes of a product, the others broadcast. */
const product: Rule = (view) => {
  const [a, b] = [first(view), view.types[1] ?? first(view)];
  const rows = dimAt(a.shape, view.integer('transA', 0) === 1 ? -1 : -2);
  const columns = dimAt(b.shape, view.integer('transB', 0) === 1 ? -2 : -1);
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return [{ dtype: a.dtype, shape: [...batch, rows, columns] }];
};

const slice: Rule = (view) => {
  const { dtype, shape } = first(view);
  const starts = view.integers(1) ?? [];
  const axes = view.integers(3) ?? starts.map((_, i) => i);
  const sizes = [...shape];
  axes.forEach((axis, i) => {
    const place = fromEnd(axis, shape.length);
    const [size, step] = [at(shape, place), view.integers(4)?.[i] ?? 1];
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const bound = (value: number): number => Math.min(high, Math.max(low, value < 0 ? value + size : value));
    const [start, end] = [bound(at(starts, i)), bound(at(view.integers(2) ?? [], i))];
    sizes[place] = Math.max(0, Math.ceil((end - start) / step));
  });
  return [{ dtype, shape: sizes }];
};

/** Places of a window along each axis; a convolution's channels are those of its weight. */
const windowed: Rule = (view) => {
  const { dtype, shape } = first(view);
  const [kernel, strides, pads, dilations] = ['kernel_shape', 'strides', 'pads', 'dilations'].map(view.integersOf);
  const spatial = shape.slice(2).map((size, i) => {
    const pad = (pads?.[i] ?? 0) + (pads?.[i + shape.length - 2] ?? 0);
    const reach = (dilations?.[i] ?? 1) * ((kernel?.[i] ?? 1) - 1) + 1;
    return Math.floor((size + pad - reach) / (strides?.[i] ?? 1)) + 1;
  });
  const found = [at(shape, 0), view.types[1]?.shape[0] ?? at(shape, 1), ...spatial];
  return [
    { dtype, shape: found },
    { dtype: 'i64', shape: found },
  ];
};

const normalization: Rule = (view) => {
  const { dtype, shape } = first(view);
  const statistics = { dtype, shape: withSize(shape, -1, 1) };
  return [{ dtype, shape }, statistics, statistics].slice(0, view.outputs);
};

const dtypeCodes: Readonly<Record<number, OnnxElementType>> = { 1: 'f32', 2: 'u8', 6: 'i32', 7: 'i64', 9: 'bool' };

const rules = new Map<string, Rule>([
  ...'Abs Neg Sign Exp Log Sqrt Reciprocal Tanh Sigmoid Erf Gelu Relu Softplus Sin Cos Floor Round Clip Not Softmax LogSoftmax'
    .split(' ')
    .map((name): [string, Rule] => [name, sameAsFirst]),
  ...'CumSum ScatterElements ScatterND RotaryEmbedding Identity'
    .split(' ')
    .map((name): [string, Rule] => [name, sameAsFirst]),
  ...'Add Sub Mul Div Pow Sum Max Min Where'.split(' ').map((name): [string, Rule] => [name, broadcast()]),
  ...'Equal Less LessOrEqual And Or'.split(' ').map((name): [string, Rule] => [name, broadcast('bool')]),
  ...'ReduceSum ReduceMean ReduceMax ReduceMin ReduceLogSumExp'
    .split(' ')
    .map((name): [string, Rule] => [name, reduction]),
  ...'Gemm MatMul FusedMatMul'.split(' ').map((name): [string, Rule] => [name, product]),
  ...'Conv AveragePool MaxPool'.split(' ').map((name): [string, Rule] => [name, windowed]),
  ['LayerNormalization', normalization],
  ['SimplifiedLayerNormalization', normalization],
  ['Slice', slice],
  ['Cast', (view) => [{ ...first(view), dtype: dtypeCodes[view.integer('to', 1)] ?? 'f32' }]],
  ['Reshape', (view) => [{ ...first(view), shape: view.integers(1) ?? [] }]],
  ['DequantizeLinear', (view) => [{ ...first(view), dtype: 'f32' }]],
  ...['BitwiseAnd', 'BitShift'].map((name): [string, Rule] => [name, sameAsFirst]),
  ['Resize', (view) => [{ ...first(view), shape: view.integers(3) ?? [] }]],
  ['Expand', (view) => [{ ...first(view), shape: broadcastShapes(first(view).shape, view.integers(1) ?? []) }]],
  [
    'Transpose',
    (view) => [{ ...first(view), shape: view.integersOf('perm').map((axis) => at(first(view).shape, axis)) }],
  ],
  [
    'Concat',
    (view) => {
      const { dtype, shape } = first(view);
      const axis = fromEnd(view.integer('axis', 0), shape.length);
      const size = view.types.reduce((sum, type) => sum + (type?.shape[axis] ?? 0), 0);
      return [{ dtype, shape: withSize(shape, axis, size) }];
    },
  ],
  [
    'Split',
    (view) => {
      const { dtype, shape } = first(view);
      return (view.integers(1) ?? []).map((size) => ({ dtype, shape: withSize(shape, view.integer('axis', 0), size) }));
    },
  ],
  [
    'Pad',
    (view) => {
      const { dtype, shape } = first(view);
      const ends = view.integers(1) ?? [];
      return [{ dtype, shape: shape.map((dim, i) => dim + at(ends, i) + at(ends, i + shape.length)) }];
    },
  ],
  [
    'Gather',
    (view) => {
      const { dtype, shape } = first(view);
      const axis = view.integer('axis', 0);
      return [{ dtype, shape: [...shape.slice(0, axis), ...(view.types[1]?.shape ?? []), ...shape.slice(axis + 1)] }];
    },
  ],
  ['GatherElements', (view) => [{ ...first(view), shape: view.types[1]?.shape ?? [] }]],
  [
    'TopK',
    (view) => {
      const { dtype, shape } = first(view);
      const found = withSize(shape, view.integer('axis', -1), view.integers(1)?.[0] ?? 0);
      return [
        { dtype, shape: found },
        { dtype: 'i64', shape: found },
      ];
    },
  ],
  ['ArgMax', (view) => [{ dtype: 'i64', shape: first(view).shape.slice(0, -1) }]],
  [
    'GroupQueryAttention',
    ({ types, outputs }) => [0, 3, 4].map((index) => types[index] ?? at(types as OnnxType[], 0)).slice(0, outputs),
  ],
]);

function viewOf(
  node: OnnxNode,
  types: ReadonlyMap<string, OnnxType>,
  constants: ReadonlyMap<string, readonly number[]>,
): View {
  const attribute = (name: string): OnnxAttribute | undefined => node.attributes?.[name];
  return {
    types: node.inputs.map((name) => types.get(name)),
    integers: (index) => constants.get(node.inputs[index] ?? ''),
    integer: (name, otherwise) => {
      const found = attribute(name);
      return found && 'int' in found ? Number(found.int) : otherwise;
    },
    integersOf: (name) => {
      const found = attribute(name);
      return found && 'ints' in found ? found.ints.map(Number) : [];
    },
    outputs: node.outputs.length,
  };
}

/**
 * Types of all values of a model whose inputs have fixed sizes. `known` are those that somebody knows already; the others
 * follow by rules. Throws TypeError naming an operator that has none.
 */
export function valueTypes(model: OnnxModel, known: ReadonlyMap<string, OnnxType>): Map<string, OnnxType> {
  const types = new Map(known);
  const constants = new Map<string, readonly number[]>();
  for (const { name, dtype, shape, data } of model.initializers ?? []) {
    types.set(name, { dtype, shape });
    if (dtype === 'i64') constants.set(name, Array.from(data, Number));
  }
  for (const { name, dtype, shape } of [...model.inputs, ...model.outputs])
    types.set(name, { dtype, shape: shape.map(Number) });
  for (const node of model.nodes) {
    if (node.outputs.every((name) => name === '' || types.has(name))) continue;
    const rule = rules.get(node.opType);
    if (!rule) throw new TypeError(`Expected a rule for the shape of ${node.opType} but found none`);
    rule(viewOf(node, types, constants)).forEach((type, index) => {
      const name = node.outputs[index];
      if (name !== undefined && name !== '' && !types.has(name)) types.set(name, type);
    });
  }
  return types;
}
