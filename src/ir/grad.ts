import { at, type Node, topologicalOrder, type Value } from './graph.ts';
import { add } from './ops/add.ts';
import { filled } from './ops/constant.ts';
import { formatType, sameType } from './types.ts';

/** An output and the gradient of the loss with respect to it. */
export type Cotangent = readonly [output: Value, cotangent: Value];

/**
 * Reverse mode: Σ_o J_oᵀ c_o for each value of `wrt`, as new values. Zeros where nothing reaches a value.
 * Throws TypeError naming the op when the way leads through a nondifferentiable one: put `stopGradient` before it.
 */
export function vjp(seeds: readonly Cotangent[], wrt: readonly Value[]): Value[] {
  const order = topologicalOrder(seeds.map(([output]) => output));
  const active = activeValues(order, wrt);
  const cotangents = new Map<Value, Value>();
  const accumulate = (value: Value, contribution: Value, from: string): void => {
    if (!sameType(value.type, contribution.type)) {
      throw new TypeError(
        `${from}: expected a gradient of type ${formatType(value.type)} but found ${formatType(contribution.type)}`,
      );
    }
    const known = cotangents.get(value);
    cotangents.set(value, known ? add(known, contribution) : contribution);
  };
  for (const [output, cotangent] of seeds) if (active.has(output)) accumulate(output, cotangent, 'vjp');
  for (let i = order.length - 1; i >= 0; i--) {
    const node = at(order, i);
    const outputs = node.outputs.map((output) => cotangents.get(output));
    const needs = node.inputs.map((input) => input !== null && active.has(input));
    if (!needs.includes(true) || outputs.every((cotangent) => cotangent === undefined)) continue;
    if (node.op.vjp === 'nondifferentiable') {
      throw new TypeError(`${node.op.name} has no gradient: put stopGradient before it, or take it out of the loss`);
    }
    const gradients = node.op.vjp({
      attrs: node.attrs,
      inputs: node.inputs,
      outputs: node.outputs,
      cotangents: outputs,
      needs,
    });
    node.inputs.forEach((input, index) => {
      const gradient = gradients[index];
      if (input && gradient && needs[index]) accumulate(input, gradient, node.op.name);
    });
  }
  return wrt.map((value) => cotangents.get(value) ?? filled('f32', value.type.shape, 0));
}

/** The f32 values that depend on `wrt`: only they carry gradients. */
function activeValues(order: readonly Node[], wrt: readonly Value[]): Set<Value> {
  const active = new Set(wrt);
  for (const value of wrt) {
    if (value.type.dtype !== 'f32')
      throw new TypeError(`Expected f32 values to differentiate by but found ${formatType(value.type)}`);
  }
  for (const node of order) {
    const { gradientInputs } = node.op;
    const carries = (index: number): boolean => gradientInputs?.includes(index) ?? true;
    if (!node.inputs.some((input, index) => input !== null && carries(index) && active.has(input))) continue;
    for (const output of node.outputs) if (output.type.dtype === 'f32') active.add(output);
  }
  return active;
}

/** ∂loss/∂value for each value of `wrt`; the loss is a scalar. */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.type.dtype !== 'f32' || loss.type.shape.length !== 0) {
    throw new TypeError(`Expected an f32 scalar as loss but found ${formatType(loss.type)}: sum it, or use vjp`);
  }
  return vjp([[loss, filled('f32', [], 1)]], wrt);
}

export type Params = Readonly<Record<string, Value>>;

/** The function's scalar value and its gradient by every parameter. */
export function valueAndGrad<A extends readonly unknown[]>(
  f: (params: Params, ...rest: A) => Value,
): (params: Params, ...rest: A) => { value: Value; grads: Record<string, Value> } {
  return (params, ...rest) => {
    const value = f(params, ...rest);
    const names = Object.keys(params);
    const all = gradients(value, Object.values(params));
    return { value, grads: Object.fromEntries(names.map((name, i) => [name, at(all, i)])) };
  };
}

/** The gradient of a scalar function by every parameter. */
export function grad<A extends readonly unknown[]>(
  f: (params: Params, ...rest: A) => Value,
): (params: Params, ...rest: A) => Record<string, Value> {
  const both = valueAndGrad(f);
  return (params, ...rest) => both(params, ...rest).grads;
}
