import type { OnnxEmitter } from '../../ir/onnx.ts';
import type { OnnxTarget } from './target.ts';

type Rewrite = (emit: OnnxEmitter, inputs: readonly string[]) => string;

/** Operators in terms of others, from their operands alone. */
export const rewrites: Readonly<Record<OnnxTarget['rewrites'][number], Rewrite>> = {
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
  Sum: (emit, [first = '', ...rest]) => rest.reduce((sum, x) => emit.node('Add', [sum, x]), first),
};
