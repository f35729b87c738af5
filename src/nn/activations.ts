import type { Value } from '../ir/graph.ts';
import { add } from '../ir/ops/add.ts';
import { less } from '../ir/ops/less.ts';
import { scalar } from '../ir/ops/constant.ts';
import { mul } from '../ir/ops/mul.ts';
import { swiglu } from '../ir/ops/swiglu.ts';
import { tanh } from '../ir/ops/tanh.ts';
import { where } from '../ir/ops/where.ts';

/** gelu_tanh(x) = x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))) (Hendrycks & Gimpel 2016, §2). */
function geluTanh(x: Value): Value {
  const cubic = mul(mul(x, mul(x, x)), 0.044715);
  return mul(mul(x, 0.5), add(tanh(mul(add(x, cubic), Math.sqrt(2 / Math.PI))), 1));
}

const relu = (x: Value): Value => where(less(scalar(0), x), x, 0);

/** Gated activations by the names that configs use: act(gate) · up. */
const gates = {
  silu: swiglu,
  swish: swiglu,
  gelu_pytorch_tanh: (gate: Value, up: Value): Value => mul(geluTanh(gate), up),
  gelu_new: (gate: Value, up: Value): Value => mul(geluTanh(gate), up),
  relu: (gate: Value, up: Value): Value => mul(relu(gate), up),
} as const;

export type Activation = keyof typeof gates;

/** Throws TypeError naming an activation that is not known. */
export function activationOf(name: string): Activation {
  if (!Object.hasOwn(gates, name))
    throw new TypeError(`Expected hidden_act of ${Object.keys(gates).join(', ')} but found ${name}`);
  return name as Activation;
}

export function gated(activation: Activation, gate: Value, up: Value): Value {
  return gates[activation](gate, up);
}
