import type { OnnxAttr, OnnxDType, OnnxEmitter, ProductOptions } from '../../ir/onnx.ts';
import { type DType, sameShape, type Shape, sizeOf } from '../../ir/types.ts';
import type { OnnxArray } from './dtypes.ts';
import type { OnnxNode, OnnxTensor } from './encode.ts';
import { rewrites } from './rewrites.ts';
import { cpuTarget, type OnnxTarget, RefusedOperator } from './target.ts';

/** An emitter and what was emitted so far. Equal nodes get one name, so nothing is computed twice. */
export interface GraphEmitter extends OnnxEmitter {
  /** Says whose nodes come next: their names tell it in errors and profiles. */
  origin(text: string): void;
  readonly emitted: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, OnnxTensor>;
}

function arrayOf(dtype: OnnxDType, values: ArrayLike<number>): OnnxArray {
  if (dtype === 'f32') return values instanceof Float32Array ? values : new Float32Array(values);
  if (dtype === 'i32') return Int32Array.from(values);
  if (dtype === 'i64') return BigInt64Array.from(Array.from(values, BigInt));
  return Uint8Array.from(values);
}

const castCodes: Readonly<Record<OnnxDType, number>> = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9 };

const rewriteOf = ({ rewrites: own }: OnnxTarget, opType: string) => {
  const name = own.find((each) => each === opType);
  return name && rewrites[name];
};

/** alpha A B in one node, or Transpose, MatMul and Mul where the target has no such operator. */
function product(emit: OnnxEmitter, target: OnnxTarget, a: string, b: string, options: ProductOptions): string {
  const { ranks, transposeA = false, transposeB = false, alpha = 1 } = options;
  if (!target.refused['FusedMatMul']) {
    const attrs = {
      transA: { int: transposeA ? 1 : 0 },
      transB: { int: transposeB ? 1 : 0 },
      alpha: { float: alpha },
    };
    return emit.node('FusedMatMul', [a, b], attrs, { domain: 'com.microsoft' });
  }
  const swapped = (x: string, rank: number): string => {
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    return emit.node('Transpose', [x], { perm: { ints: [...perm.slice(0, -2), rank - 1, rank - 2] } });
  };
  const operands = [transposeA ? swapped(a, ranks[0]) : a, transposeB ? swapped(b, ranks[1]) : b];
  const plain = emit.node('MatMul', operands);
  return alpha === 1 ? plain : emit.node('Mul', [plain, emit.scalar(alpha)]);
}

/** An emitter for a target, the CPU provider unless given. Its nodes throw RefusedOperator for what the target cannot run. */
export function graphEmitter(target: OnnxTarget = cpuTarget): GraphEmitter {
  let origin = '';
  const emitted: OnnxNode[] = [];
  const constants = new Map<string, OnnxTensor>();
  const names = new Map<string, readonly string[]>();
  const constantNames = new Map<string, string>();
  /** Reshapes already applied: name to the source and shape, so that a chain of reshapes is one. */
  const reshapes = new Map<string, { readonly source: string; readonly shape: Shape }>();

  const nodes: OnnxEmitter['nodes'] = (opType, inputs, attrs, options) => {
    const operands = inputs.map((input) => input ?? '');
    // Names have no newlines; attributes are few, and the whole as JSON takes most of the time of a lowering.
    const refusal = target.refused[opType]?.(attrs);
    if (refusal !== undefined) throw new RefusedOperator(`${target.name} cannot run ${opType}: ${refusal}`);
    const key = [opType, options.domain ?? '', JSON.stringify(attrs), ...operands].join('\n');
    const known = names.get(key);
    if (known) return known;
    const outputs = Array.from({ length: options.outputs ?? 1 }, (_, index) => `${opType}_${emitted.length}_${index}`);
    emitted.push({
      opType,
      domain: options.domain ?? '',
      name: `${origin}, ${outputs[0] ?? opType}`,
      inputs: operands,
      outputs,
      attributes: attrs,
    });
    names.set(key, outputs);
    return outputs;
  };
  const node: OnnxEmitter['node'] = (opType, inputs, attrs: Readonly<Record<string, OnnxAttr>> = {}, options = {}) =>
    rewriteOf(target, opType)?.(
      emit,
      inputs.map((input) => input ?? ''),
    ) ??
    nodes(opType, inputs, attrs, options)[0] ??
    '';
  const constant: OnnxEmitter['constant'] = (key, dtype, shape, values) => {
    const known = constantNames.get(key);
    if (known !== undefined) return known;
    const name = `constant_${constants.size}`;
    constants.set(name, { name, dtype, shape, data: arrayOf(dtype, values()) });
    constantNames.set(key, name);
    return name;
  };
  const ints = (values: readonly number[]): string =>
    constant(`i64:${values.join()}`, 'i64', [values.length], () => values);
  const range = (start: number, end: number): string =>
    constant(`range:${start}:${end}`, 'i32', [end - start], () =>
      Int32Array.from({ length: end - start }, (_, i) => start + i),
    );
  const moves = (dtype: DType): boolean => dtype === 'f32' || target.movesFloats === 'with all';
  const emit: GraphEmitter = {
    emitted,
    constants,
    origin: (text) => {
      origin = text;
    },
    node,
    nodes,
    constant,
    ints,
    scalar: (value) => constant(`f32:${value}`, 'f32', [], () => [value]),
    reshape: (input, shape) => {
      const source = reshapes.get(input)?.source ?? input;
      // A size of zero would be read as "keep this axis" without allowzero.
      const attrs = sizeOf(shape) === 0 ? { allowzero: { int: 1 } } : {};
      const name = node('Reshape', [source, ints(shape)], attrs);
      if (!reshapes.has(name)) reshapes.set(name, { source, shape });
      else if (!sameShape(reshapes.get(name)?.shape ?? [], shape))
        throw new RangeError(`Expected one shape for ${name}`);
      return name;
    },
    cast: (input, to) => node('Cast', [input], { to: { int: castCodes[to] } }),
    slice: (x, dtype, axis, start, end) => {
      if (moves(dtype)) return node('Slice', [x, ints([start]), ints([end]), ints([axis])]);
      return node('Gather', [x, range(start, end)], { axis: { int: axis } });
    },
    flip: (x, dtype, axis, size) => {
      // ONNX clamps the end, so -2^31 stands for "past the first".
      if (moves(dtype)) return node('Slice', [x, ints([-1]), ints([-(2 ** 31)]), ints([axis]), ints([-1])]);
      const backwards = constant(`backwards:${size}`, 'i32', [size], () =>
        Int32Array.from({ length: size }, (_, i) => size - 1 - i),
      );
      return node('Gather', [x, backwards], { axis: { int: axis } });
    },
    moved: (dtype, inputs, move) => {
      if (dtype !== 'bool' || moves(dtype)) return move(inputs);
      return emit.cast(move(inputs.map((input) => emit.cast(input, 'i32'))), 'bool');
    },
    take: (x, dtype, index, axis, size) => {
      if (!moves(dtype)) throw new RefusedOperator(`${target.name} cannot run GatherElements: it takes no ${dtype}`);
      const checked = target.stopsAtWrongIndices
        ? index
        : node('Gather', [range(0, size), index], { axis: { int: 0 } });
      return node('GatherElements', [x, checked], { axis: { int: axis } });
    },
    product: (a, b, options) => product(emit, target, a, b, options),
  };
  return emit;
}
