import type { Value } from '../ir/graph.ts';

/** What each kind of layer is given when the graph is built; shapes as in the layers' docstrings. */
export interface SiteOperands {
  /** table [V, D], ids i32 [B, T] */
  readonly embedding: { readonly table: Value; readonly ids: Value };
  /** x [B, T, in], weight [out, in], bias [out] */
  readonly linear: { readonly x: Value; readonly weight: Value; readonly bias: Value | null };
  /** x [B, T, D] or [B, T, H, D], weight [D], bias [D] where the norm has one */
  readonly norm: { readonly x: Value; readonly weight: Value; readonly bias: Value | null };
  /** q [B, T, H, width], k and v [B, T, H/G, width], rotated */
  readonly attention: { readonly q: Value; readonly k: Value; readonly v: Value };
  /** x [B, T, D], normed */
  readonly mlp: { readonly x: Value };
  /** x [B, T, D]: a whole block with its residual connections */
  readonly block: { readonly x: Value };
}

export type SiteKind = keyof SiteOperands;

/**
 * Computes a layer: `base` is the layer as it would be without this site, `name` the module's name in the checkpoint, such
 * as `model.layers.0.self_attn.q_proj`.
 */
export type Site<K extends SiteKind> = (
  operands: SiteOperands[K],
  base: (operands: SiteOperands[K]) => Value,
  name: string,
) => Value;

/** Where adapters and probes hook into a model: each layer asks the site of its kind how it is computed. */
export type Sites = { readonly [K in SiteKind]: Site<K> };

/** The model as the checkpoint has it. */
export const plainSites: Sites = {
  embedding: (operands, base) => base(operands),
  linear: (operands, base) => base(operands),
  norm: (operands, base) => base(operands),
  attention: (operands, base) => base(operands),
  mlp: (operands, base) => base(operands),
  block: (operands, base) => base(operands),
};

function wrapped<K extends SiteKind>(outer: Site<K> | undefined, inner: Site<K>): Site<K> {
  return outer ? (operands, base, name) => outer(operands, (changed) => inner(changed, base, name), name) : inner;
}

/** Puts wraps around sites: the base of a wrap is the inner site. */
export function wrapSites(wraps: Partial<Sites>, inner: Sites = plainSites): Sites {
  return {
    embedding: wrapped(wraps.embedding, inner.embedding),
    linear: wrapped(wraps.linear, inner.linear),
    norm: wrapped(wraps.norm, inner.norm),
    attention: wrapped(wraps.attention, inner.attention),
    mlp: wrapped(wraps.mlp, inner.mlp),
    block: wrapped(wraps.block, inner.block),
  };
}
