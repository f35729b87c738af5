import { describe } from '../ir/errors.ts';
import type { Value } from '../ir/graph.ts';
import { geglu } from '../ir/ops/geglu.ts';
import { gelu } from '../ir/ops/gelu.ts';
import { geluTanh } from '../ir/ops/geluTanh.ts';
import { mul } from '../ir/ops/mul.ts';
import { relu } from '../ir/ops/relu.ts';
import { silu } from '../ir/ops/silu.ts';
import { swiglu } from '../ir/ops/swiglu.ts';
import { tanh } from '../ir/ops/tanh.ts';

/** Activations by the names that configs use. */
const activations = {
  silu,
  swish: silu,
  gelu,
  gelu_pytorch_tanh: geluTanh,
  gelu_new: geluTanh,
  relu,
  tanh,
} as const;

export type Activation = keyof typeof activations;

/** Throws TypeError naming an activation that is not known. */
export function activationOf(name: string): Activation {
  if (!Object.hasOwn(activations, name))
    throw new TypeError(`Expected an activation of ${Object.keys(activations).join(', ')} but found ${describe(name)}`);
  return name as Activation;
}

export function activate(activation: Activation, x: Value): Value {
  return activations[activation](x);
}

/** act(gate) · up. */
export function gated(activation: Activation, gate: Value, up: Value): Value {
  const act = activations[activation];
  if (act === silu) return swiglu(gate, up);
  if (act === gelu || act === geluTanh) return geglu(gate, up, act === gelu ? 'none' : 'tanh');
  return mul(act(gate), up);
}
