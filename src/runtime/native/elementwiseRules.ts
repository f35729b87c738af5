import { at, required } from '../../ir/graph.ts';
import type { DType } from '../../ir/types.ts';
import type { Ref } from './ref.ts';
import type { Rule } from './rules.ts';

/** The operation of a name on operands of a dtype. */
const typed = (name: string, dtype: DType): string => (dtype === 'f32' ? name : `${name}I`);

const unary =
  (operation: string): Rule =>
  ({ build, inputs, outputTypes }) => [build.elementwise(operation, [required(inputs, 0)], at(outputTypes, 0))];

const binary =
  (name: string): Rule =>
  ({ build, inputs, outputTypes }) => {
    const operands = [required(inputs, 0), required(inputs, 1)];
    return [build.elementwise(typed(name, at(operands, 0).type.dtype), operands, at(outputTypes, 0))];
  };

const logical =
  (operation: string): Rule =>
  ({ build, inputs, outputTypes }) => [
    build.elementwise(operation, [required(inputs, 0), required(inputs, 1)], at(outputTypes, 0)),
  ];

const passed: Rule = ({ inputs }) => [required(inputs, 0)];

const casts: Readonly<Record<string, string>> = {
  'f32 i32': 'f32ToI32',
  'f32 bool': 'f32ToBool',
  'i32 f32': 'i32ToF32',
  'i32 bool': 'i32ToBool',
  'bool f32': 'i32ToF32',
  'bool i32': 'copy',
};

const unaries = 'neg abs exp log sqrt rsqrt tanh sigmoid erf sin cos floor round sign relu expm1 log1p'.split(' ');
const binaries = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow', 'less', 'lessEqual', 'equal'];

/** Ops that work element by element; they are joined into chains. */
export const elementwiseRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(unaries.map((name) => [name, unary(name)])),
  ...Object.fromEntries(binaries.map((name) => [name, binary(name)])),
  and: logical('andB'),
  or: logical('orB'),
  not: unary('notB'),
  where: ({ build, inputs, outputTypes }) => [
    build.elementwise(
      'where',
      [0, 1, 2].map((index) => required(inputs, index)),
      at(outputTypes, 0),
    ),
  ],
  cast: ({ build, inputs, outputTypes }) => {
    const x = required(inputs, 0);
    const type = at(outputTypes, 0);
    const operation = casts[`${x.type.dtype} ${type.dtype}`];
    return [operation === undefined ? x : build.elementwise(operation, [x], type)];
  },
  clip: ({ build, inputs, attrs, outputTypes }) => {
    const type = at(outputTypes, 0);
    const bound = (value: unknown): Ref => build.constant('f32', [], Float64Array.of(Math.fround(Number(value))));
    const above = build.elementwise('maximum', [required(inputs, 0), bound(attrs['low'])], type);
    return [build.elementwise('minimum', [above, bound(attrs['high'])], type)];
  },
  broadcastTo: ({ build, inputs, outputTypes }) => [
    build.elementwise('copy', [required(inputs, 0)], at(outputTypes, 0)),
  ],
  stopGradient: passed,
  straightThrough: ({ inputs }) => [required(inputs, 1)],
  tap: passed,
  reshape: ({ build, inputs, outputTypes }) => [build.view(required(inputs, 0), at(outputTypes, 0).shape)],
  after: ({ build, inputs }) => [build.after(required(inputs, 0), required(inputs, 1))],
  constant: ({ build, attrs }) => {
    const { dtype, shape, data } = attrs as unknown as { dtype: DType; shape: readonly number[]; data: Float64Array };
    return [build.constant(dtype, shape, data)];
  },
};
