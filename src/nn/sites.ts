import type { Value } from '../ir/graph.ts';
import { linear } from '../ir/ops/linear.ts';

/** A linear layer as an adapter meets it when the graph is built. */
export interface LinearSite {
  /** The module's name in the checkpoint, such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  /** [B, T, in] */
  readonly x: Value;
  /** [out, in] */
  readonly weight: Value;
  /** [out] */
  readonly bias: Value | null;
}

/** Where adapters and probes hook into a model: each layer asks its site how it is computed. */
export interface Sites {
  linear(site: LinearSite): Value;
}

/** The model as the checkpoint has it. */
export const plainSites: Sites = {
  linear: ({ x, weight, bias }) => linear(x, weight, bias),
};
