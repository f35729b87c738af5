import type { Value } from '../ir/graph.ts';
import { gelu } from '../ir/ops/gelu.ts';
import { geluTanh } from '../ir/ops/geluTanh.ts';
import { mul } from '../ir/ops/mul.ts';
import { relu } from '../ir/ops/relu.ts';
import { swiglu } from '../ir/ops/swiglu.ts';

/** Gated activations by the names that configs use: act(gate) · up. */
const gates = {
  silu: swiglu,
  swish: swiglu,
  gelu: (gate: Value, up: Value): Value => mul(gelu(gate), up),
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
