import type { AttentionAttrs, AttentionSizes } from './attention.ts';

/** A block of queries [start, end) and the keys [from, to) that it can see. */
export interface Block {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/** How many blocks of queries: keys outside a block's reach are never computed, but each block costs its own nodes. */
function countOf({ queries }: AttentionSizes, { causal, window }: AttentionAttrs): number {
  if (window !== undefined) return Math.max(1, Math.min(16, Math.floor(queries / Math.max(64, window / 2))));
  return causal ? Math.max(1, Math.min(4, Math.floor(queries / 64))) : 1;
}

/** Blocks of queries with the keys in their reach; one block that sees all where a prefix lets every query look back and ahead. */
export function blocksOf(sizes: AttentionSizes, attrs: AttentionAttrs, prefixed: boolean): Block[] {
  const { queries, keys } = sizes;
  const { causal, window } = attrs;
  if (prefixed) return [{ start: 0, end: queries, from: 0, to: keys }];
  const size = Math.ceil(queries / countOf(sizes, attrs));
  const blocks: Block[] = [];
  for (let start = 0; start < queries; start += size) {
    const end = Math.min(queries, start + size);
    const ahead = window === undefined ? keys : Math.min(keys, end + window - 1);
    blocks.push({
      start,
      end,
      from: window === undefined ? 0 : Math.max(0, start - window + 1),
      to: causal ? end : ahead,
    });
  }
  return blocks;
}

/** Consecutive ranges of keys, each with the blocks that see it whole. */
export function keyRanges(blocks: readonly Block[]): { start: number; end: number; seen: number[] }[] {
  const edges = [...new Set(blocks.flatMap(({ from, to }) => [from, to]))].toSorted((a, b) => a - b);
  return edges.slice(1).map((end, i) => {
    const start = edges[i] ?? 0;
    const seen = blocks.flatMap(({ from, to }, block) => (from <= start && end <= to ? [block] : []));
    return { start, end, seen };
  });
}
