import { bool, emptyDense, el, f32, forEachBroadcast, i32, normal } from '../dense.ts';
import { apply1, required, type Value } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import { defineOp, type Op, type Sample } from '../op.ts';
import { broadcastShapes, type Dense, type DType, tensorType } from '../types.ts';
import { scalar } from './constant.ts';
import { sumTo } from './sumTo.ts';

export type NoAttrs = Readonly<Record<string, never>>;

/** A value, or a number that stands for an f32 scalar. */
export type Operand = Value | number;

export function operand(x: Operand): Value {
  return typeof x === 'number' ? scalar(x) : x;
}

export interface UnaryDefinition {
  readonly name: string;
  readonly formula: string;
  /** ONNX operator of the same meaning, or nodes that compute it; absent where the decomposition is lowered. */
  readonly onnx?: string | ((emit: OnnxEmitter, x: string) => string);
  /** The f64 reference of a primitive; a composite has `decompose` instead. */
  readonly evaluate?: (x: number) => number;
  readonly decompose?: (x: Value) => Value;
  /** The cotangent times dy/dx, from x and y; absent where the derivative is zero almost everywhere. */
  readonly gradient?: (cotangent: Value, x: Value, y: Value) => Value;
  /** Extreme operands, beside the standard samples. */
  readonly extremes?: readonly number[];
  /** Operands so small that cancellation would show in the relative error. */
  readonly tiny?: readonly number[];
  /** Maps standard normal samples into the domain. */
  readonly domain?: (x: number) => number;
  readonly tolerance?: number;
}

/** An elementwise op of one f32 operand. */
export function defineUnary(definition: UnaryDefinition): Op<NoAttrs> {
  const { name, formula, evaluate, decompose, onnx, gradient, tolerance, extremes } = definition;
  const inDomain = (x: Dense): Dense => f32(x.shape, definition.domain ? x.data.map(definition.domain) : x.data);
  return defineOp<NoAttrs>({
    name,
    formula,
    elementwise: true,
    infer: (inputs) => {
      const x = required(inputs, 0);
      if (x.dtype !== 'f32') throw new TypeError(`Expected f32 but found ${x.dtype}`);
      return [x];
    },
    vjp: gradient
      ? ({ cotangents, inputs, outputs }) => {
          const cotangent = cotangents[0];
          return cotangent ? [gradient(cotangent, required(inputs, 0), required(outputs, 0))] : [];
        }
      : 'nondifferentiable',
    ...(evaluate && {
      reference: (inputs: readonly (Dense | null)[]): readonly Dense[] => {
        const x = required(inputs, 0);
        return [{ dtype: 'f32', shape: x.shape, data: x.data.map(evaluate) }];
      },
    }),
    ...(decompose && {
      decompose: (inputs: readonly (Value | null)[]): readonly Value[] => [decompose(required(inputs, 0))],
    }),
    ...(onnx && {
      onnx: (emit: OnnxEmitter, inputs: readonly (string | null)[]): readonly string[] => [
        typeof onnx === 'string' ? emit.node(onnx, inputs) : onnx(emit, required(inputs, 0)),
      ],
    }),
    samples: () => {
      const bounds = tolerance === undefined ? {} : { tolerance };
      const samples: Sample<NoAttrs>[] = [
        { name: 'matrix', attrs: {}, inputs: [inDomain(normal([3, 5], 1))], ...bounds },
        { name: 'scalar', attrs: {}, inputs: [inDomain(normal([], 2))], ...bounds },
      ];
      if (extremes) {
        const inputs = [f32([extremes.length], extremes)];
        samples.push({
          name: 'extremes',
          attrs: {},
          inputs,
          skipGradient: 'out of reach of central differences',
          ...bounds,
        });
      }
      if (definition.tiny) {
        const inputs = [f32([definition.tiny.length], definition.tiny)];
        samples.push({ name: 'tiny', attrs: {}, inputs, skipGradient: 'below the step of central differences' });
      }
      return samples;
    },
  });
}

export interface BinaryDefinition {
  readonly name: string;
  readonly formula: string;
  readonly onnx: string;
  readonly evaluate: (a: number, b: number) => number;
  /** 'same' keeps the operands' dtype, 'bool' is a comparison. */
  readonly result: 'same' | 'bool';
  readonly dtypes: readonly DType[];
  /** Gradients of both operands, before they are summed to the operands' shapes; absent for a comparison. */
  readonly gradient?: (cotangent: Value, a: Value, b: Value, y: Value) => readonly [() => Value, () => Value];
  /** Maps the samples of the first operand into its domain. */
  readonly domainA?: (a: number) => number;
  /** Maps the samples of the second operand into its domain. */
  readonly domain?: (b: number) => number;
  readonly extremes?: readonly (readonly [number, number])[];
}

/** An elementwise op of two operands of one dtype that broadcast as NumPy's do. */
export function defineBinary(definition: BinaryDefinition): Op<NoAttrs> {
  const { name, formula, evaluate, result, dtypes, gradient, extremes } = definition;
  const domain = (x: Dense): Dense => f32(x.shape, definition.domain ? x.data.map(definition.domain) : x.data);
  const domainA = (x: Dense): Dense => f32(x.shape, definition.domainA ? x.data.map(definition.domainA) : x.data);
  return defineOp<NoAttrs>({
    name,
    formula,
    elementwise: result === 'same',
    infer: (inputs) => {
      const a = required(inputs, 0);
      const b = required(inputs, 1);
      if (a.dtype !== b.dtype || !dtypes.includes(a.dtype)) {
        throw new TypeError(`Expected two operands of ${dtypes.join(' or ')} but found ${a.dtype} and ${b.dtype}`);
      }
      return [tensorType(result === 'bool' ? 'bool' : a.dtype, broadcastShapes(a.shape, b.shape))];
    },
    vjp: gradient
      ? ({ cotangents, inputs, outputs, needs }) => {
          const cotangent = cotangents[0];
          if (!cotangent) return [];
          const a = required(inputs, 0);
          const b = required(inputs, 1);
          const [da, db] = gradient(cotangent, a, b, required(outputs, 0));
          return [needs[0] ? sumTo(da(), a.type.shape) : undefined, needs[1] ? sumTo(db(), b.type.shape) : undefined];
        }
      : 'nondifferentiable',
    reference: (inputs) => {
      const a = required(inputs, 0);
      const b = required(inputs, 1);
      const out = emptyDense(result === 'bool' ? 'bool' : a.dtype, broadcastShapes(a.shape, b.shape));
      forEachBroadcast(a.shape, b.shape, (to, i, j) => {
        out.data[to] = evaluate(el(a.data, i), el(b.data, j));
      });
      return [out];
    },
    onnx: (emit, inputs) => [emit.node(definition.onnx, inputs)],
    samples: () => {
      const samples: Sample<NoAttrs>[] = [];
      if (dtypes.includes('f32')) {
        samples.push(
          { name: 'same shape', attrs: {}, inputs: [domainA(normal([3, 4], 1)), domain(normal([3, 4], 2))] },
          { name: 'row', attrs: {}, inputs: [domainA(normal([3, 4], 3)), domain(normal([4], 4))] },
          {
            name: 'column and leading axis',
            attrs: {},
            inputs: [domainA(normal([3, 1], 5)), domain(normal([2, 3, 4], 6))],
          },
          { name: 'scalar', attrs: {}, inputs: [domainA(normal([2, 2], 7)), domain(normal([], 8))] },
        );
      }
      if (dtypes.includes('i32'))
        samples.push({ name: 'i32', attrs: {}, inputs: [i32([4], [3, -2, 7, 5]), i32([4], [2, -2, 9, 5])] });
      if (dtypes.includes('bool'))
        samples.push({ name: 'bool', attrs: {}, inputs: [bool([4], [0, 0, 1, 1]), bool([4], [0, 1, 0, 1])] });
      if (extremes) {
        const operands = [0, 1].map((side) =>
          f32(
            [extremes.length],
            extremes.map((pair) => el(pair, side)),
          ),
        );
        samples.push({
          name: 'extremes',
          attrs: {},
          inputs: operands,
          skipGradient: 'out of reach of central differences',
        });
      }
      return samples;
    },
  });
}

/** Applies a binary op to values or numbers. */
export function applyBinary(op: Op<NoAttrs>, a: Operand, b: Operand): Value {
  return apply1(op, [operand(a), operand(b)], {});
}
