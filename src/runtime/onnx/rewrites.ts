import type { OnnxEmitter } from '../../ir/onnx.ts';
import type { OnnxTarget } from './target.ts';

type Rewrite = (emit: OnnxEmitter, inputs: readonly string[]) => string;

function binaries(emit: OnnxEmitter) {
  const binary = (op: string) => (a: string, b: string) => emit.node(op, [a, b]);
  return { add: binary('Add'), sub: binary('Sub'), mul: binary('Mul'), less: binary('Less') };
}

/** ±sin(x - m π), the sign that of m's whole part; π in two parts, of which m times the first is exact. Taylor to the 13th power. */
function sine(emit: OnnxEmitter, x: string, turns: string, whole: string): string {
  const { add, sub, mul } = binaries(emit);
  const rest = sub(sub(x, mul(turns, emit.scalar(3.140625))), mul(turns, emit.scalar(Math.PI - 3.140625)));
  const square = mul(rest, rest);
  let series = emit.scalar(1 / 6227020800);
  for (const factorial of [-39916800, 362880, -5040, 120, -6])
    series = add(mul(series, square), emit.scalar(1 / factorial));
  const value = add(rest, mul(mul(rest, square), series));
  const half = mul(whole, emit.scalar(0.5));
  const odd = sub(half, emit.node('Floor', [half]));
  return mul(value, sub(emit.scalar(1), mul(odd, emit.scalar(4))));
}

/** Operators in terms of others, from their operands alone. */
export const rewrites: Readonly<Record<OnnxTarget['rewrites'][number], Rewrite>> = {
  // Its kernel has an error of 2^-11, as WebGPU allows.
  Cos: (emit, [x = '']) => {
    const whole = emit.node('Floor', [emit.node('Mul', [x, emit.scalar(1 / Math.PI)])]);
    return emit.node('Neg', [sine(emit, x, emit.node('Add', [whole, emit.scalar(0.5)]), whole)]);
  },
  // Its kernel has a finite value at 0 and an error of 2^-21 near 1, where ln x = 2 artanh((x - 1) / (x + 1)) takes its place.
  Log: (emit, [x = '']) => {
    const one = emit.scalar(1);
    const { add, sub, mul, less } = binaries(emit);
    const away = sub(x, one);
    const s = emit.node('Div', [away, add(x, one)]);
    const square = mul(s, s);
    let series = emit.scalar(2 / 9);
    for (const divisor of [7, 5, 3, 1]) series = add(mul(series, square), emit.scalar(2 / divisor));
    const log = emit.nodes('Log', [x], {}, {})[0] ?? '';
    const near = emit.node('Where', [less(emit.node('Abs', [away]), emit.scalar(0.25)), mul(s, series), log]);
    return emit.node('Where', [emit.node('Equal', [x, emit.scalar(0)]), emit.scalar(-Infinity), near]);
  },
  Or: (emit, inputs) =>
    emit.node('Not', [
      emit.node(
        'And',
        inputs.map((x) => emit.node('Not', [x])),
      ),
    ]),
  // Its kernel takes operands of one shape only: Where broadcasts them.
  Pow: (emit, inputs) => {
    const shape = emit.node('Equal', inputs);
    const operands = inputs.map((x) => emit.node('Where', [shape, x, x]));
    return emit.nodes('Pow', operands, {}, {})[0] ?? '';
  },
  // Half to even: up above a half, and at a half where the floor is odd.
  Round: (emit, [x = '']) => {
    const floor = emit.node('Floor', [x]);
    const rest = emit.node('Sub', [x, floor]);
    const half = emit.node('Mul', [floor, emit.scalar(0.5)]);
    const odd = emit.node('Mul', [emit.node('Sub', [half, emit.node('Floor', [half])]), emit.scalar(2)]);
    const above = emit.node('Where', [emit.node('Greater', [rest, emit.scalar(0.5)]), emit.scalar(1), emit.scalar(0)]);
    const step = emit.node('Where', [emit.node('Equal', [rest, emit.scalar(0.5)]), odd, above]);
    return emit.node('Where', [emit.node('Equal', [floor, x]), x, emit.node('Add', [floor, step])]);
  },
  Sign: (emit, [x = '']) => {
    const side = (op: string, sign: number): string =>
      emit.node('Where', [emit.node(op, [x, emit.scalar(0)]), emit.scalar(sign), emit.scalar(0)]);
    return emit.node('Add', [side('Greater', 1), side('Less', -1)]);
  },
  Sin: (emit, [x = '']) => {
    const whole = emit.node('Floor', [
      emit.node('Add', [emit.node('Mul', [x, emit.scalar(1 / Math.PI)]), emit.scalar(0.5)]),
    ]);
    return sine(emit, x, whole, whole);
  },
  // Its kernel loses all digits near 0, where Taylor's series to the 9th power takes its place.
  Tanh: (emit, [x = '']) => {
    const { add, mul, less } = binaries(emit);
    const square = mul(x, x);
    let series = emit.scalar(62 / 2835);
    for (const factor of [-17 / 315, 2 / 15, -1 / 3, 1]) series = add(mul(series, square), emit.scalar(factor));
    const tanh = emit.nodes('Tanh', [x], {}, {})[0] ?? '';
    return emit.node('Where', [less(emit.node('Abs', [x]), emit.scalar(0.25)), mul(x, series), tanh]);
  },
  Sum: (emit, [first = '', ...rest]) => rest.reduce((sum, x) => emit.node('Add', [sum, x]), first),
};
