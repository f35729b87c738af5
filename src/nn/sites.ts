import type { Value } from '../ir/graph.ts';
import type { LowRank } from '../ir/ops/linear.ts';

/** Learned keys and values [n, H/G, width] that stand before every sequence; the model puts them into its cache where there is one. */
export interface KeyValuePrefix {
  readonly keys: Value;
  readonly values: Value;
}

/** What each kind of layer is given when the graph is built; shapes as in the layers' docstrings. */
export interface SiteOperands {
  /** table [V, D], ids i32 [B, T] */
  readonly embedding: { readonly table: Value; readonly ids: Value };
  /**
   * The whole model from embedded tokens x [B, T, D] to final hidden states: a wrap may put tokens before x and cut them
   * off the result. Positions, all below the limit, and segments are i32 [B, T]; `filled` while a cache holds what came before.
   */
  readonly input: {
    readonly x: Value;
    readonly positions: Value;
    readonly segments: Value | null;
    readonly positionLimit: number;
    readonly filled: boolean;
  };
  /** x [B, T, in], weight [out, in], bias [out], and a low-rank term that is computed with the product */
  readonly linear: {
    readonly x: Value;
    readonly weight: Value;
    readonly bias: Value | null;
    readonly lowRank?: LowRank;
  };
  /** x [B, C, …], weight [out, C/groups, …], bias [out] */
  readonly convolution: { readonly x: Value; readonly weight: Value; readonly bias: Value | null };
  /** x [B, T, D] or [B, T, H, D], weight [D], bias [D] where the norm has one */
  readonly norm: { readonly x: Value; readonly weight: Value; readonly bias: Value | null };
  /** q [B, T, H, width], k and v [B, T, H/G, width], rotated */
  readonly attention: {
    readonly q: Value;
    readonly k: Value;
    readonly v: Value;
    readonly prefix: KeyValuePrefix | null;
  };
  /** x [B, T, D], normed */
  readonly mlp: { readonly x: Value };
  /** x [B, T, D]: a whole block with its residual connections */
  readonly block: { readonly x: Value };
  /** x [N, D], weight [V, D]: logits are x weightᵀ, which never exist whole; a wrap gives other operands of the same kind */
  readonly head: { readonly x: Value; readonly weight: Value };
}

export type SiteKind = keyof SiteOperands;

/** What a layer gives back: a value, at the head the operands of the product with the vocabulary. */
export type SiteResult<K extends SiteKind> = K extends 'head' ? SiteOperands['head'] : Value;

/**
 * Computes a layer: `base` is the layer as it would be without this site, `name` the module's name in the checkpoint, such
 * as `model.layers.0.self_attn.q_proj`.
 */
export type Site<K extends SiteKind> = (
  operands: SiteOperands[K],
  base: (operands: SiteOperands[K]) => SiteResult<K>,
  name: string,
) => SiteResult<K>;

/** Where adapters and probes hook into a model: each layer asks the site of its kind how it is computed. */
export type Sites = { readonly [K in SiteKind]: Site<K> };

/** The model as the checkpoint has it. */
export const plainSites: Sites = {
  embedding: (operands, base) => base(operands),
  input: (operands, base) => base(operands),
  linear: (operands, base) => base(operands),
  convolution: (operands, base) => base(operands),
  norm: (operands, base) => base(operands),
  attention: (operands, base) => base(operands),
  mlp: (operands, base) => base(operands),
  block: (operands, base) => base(operands),
  head: (operands, base) => base(operands),
};

function wrapped<K extends SiteKind>(outer: Site<K> | undefined, inner: Site<K>): Site<K> {
  return outer ? (operands, base, name) => outer(operands, (changed) => inner(changed, base, name), name) : inner;
}

/** Puts wraps around sites: the base of a wrap is the inner site. */
export function wrapSites(wraps: Partial<Sites>, inner: Sites = plainSites): Sites {
  return {
    embedding: wrapped(wraps.embedding, inner.embedding),
    input: wrapped(wraps.input, inner.input),
    linear: wrapped(wraps.linear, inner.linear),
    convolution: wrapped(wraps.convolution, inner.convolution),
    norm: wrapped(wraps.norm, inner.norm),
    attention: wrapped(wraps.attention, inner.attention),
    mlp: wrapped(wraps.mlp, inner.mlp),
    block: wrapped(wraps.block, inner.block),
    head: wrapped(wraps.head, inner.head),
  };
}
