import { required } from '../graph.ts';
import type { OnnxNodeView } from '../op.ts';
import type { OnnxEmitter } from '../onnx.ts';
import type { AttentionAttrs, AttentionSizes } from './attention.ts';
import { attentionSizes } from './attention.ts';

/** A block of queries [start, end) and the keys [0, keys) that it can see. */
interface Block {
  readonly start: number;
  readonly end: number;
  readonly keys: number;
}

/** Causal attention in up to four blocks of queries: keys past a block are never computed. */
function blocksOf({ queries, keys }: AttentionSizes, causal: boolean): Block[] {
  const count = causal ? Math.max(1, Math.min(4, Math.floor(queries / 64))) : 1;
  const size = Math.ceil(queries / count);
  const blocks: Block[] = [];
  for (let start = 0; start < queries; start += size) {
    const end = Math.min(queries, start + size);
    blocks.push({ start, end, keys: causal ? end : keys });
  }
  return blocks;
}

/** Low enough to vanish in a softmax, high enough that a sum of two stays finite. */
const masked = -1e30;

interface Parts {
  readonly sizes: AttentionSizes;
  readonly q: string;
  readonly k: string;
  readonly v: string;
  slice(x: string, axis: number, start: number, end: number, size: number): string;
  product(a: string, b: string, transA: boolean, transB: boolean, alpha?: number): string;
  /** Softmax weights [B, KV, G·C, keys] of a block and its operands. */
  weights(block: Block): { p: string; scores: string; q: string; k: string; v: string };
}

function parts(emit: OnnxEmitter, inputs: readonly (string | null)[], view: OnnxNodeView<AttentionAttrs>): Parts {
  const { scale, causal } = view.attrs;
  const sizes = attentionSizes(required(view.inputTypes, 0).shape, required(view.inputTypes, 1).shape);
  const { batch, queries, keys, kvHeads, groups, width } = sizes;
  const byHead = (x: string) => emit.node('Transpose', [x], { perm: { ints: [0, 2, 1, 3] } });
  const q = emit.reshape(byHead(required(inputs, 0)), [batch, kvHeads, groups, queries, width]);
  const k = byHead(required(inputs, 1));
  const v = byHead(required(inputs, 2));
  const segments = inputs[3] ?? null;
  const slice: Parts['slice'] = (x, axis, start, end, size) =>
    start === 0 && end === size ? x : emit.node('Slice', [x, emit.ints([start]), emit.ints([end]), emit.ints([axis])]);
  const product: Parts['product'] = (a, b, transA, transB, alpha = 1) =>
    emit.node(
      'FusedMatMul',
      [a, b],
      { transA: { int: transA ? 1 : 0 }, transB: { int: transB ? 1 : 0 }, alpha: { float: alpha } },
      { domain: 'com.microsoft' },
    );
  const causalMask = ({ start, end, keys: seen }: Block): string => {
    const rows = end - start;
    return emit.constant(`causal:${start}:${end}:${seen}`, 'f32', [rows, seen], () =>
      Float32Array.from({ length: rows * seen }, (_, i) => (i % seen <= start + Math.floor(i / seen) ? 0 : masked)),
    );
  };
  /** Additive mask that broadcasts to [B, KV, G, C, keys]; null when nothing is hidden. */
  const maskOf = (block: Block): string | null => {
    const triangle = causal && block.end - block.start > 1 ? causalMask(block) : null;
    if (segments === null) return triangle;
    const rows = emit.reshape(slice(segments, 1, block.start, block.end, queries), [
      batch,
      1,
      1,
      block.end - block.start,
      1,
    ]);
    const columns = emit.reshape(slice(segments, 1, 0, block.keys, keys), [batch, 1, 1, 1, block.keys]);
    return emit.node('Where', [emit.node('Equal', [rows, columns]), triangle ?? emit.scalar(0), emit.scalar(masked)]);
  };
  const weights: Parts['weights'] = (block) => {
    const { start, end, keys: seen } = block;
    const rows = end - start;
    const qRows = emit.reshape(slice(q, 3, start, end, queries), [batch, kvHeads, groups * rows, width]);
    const kSeen = slice(k, 2, 0, seen, keys);
    const vSeen = slice(v, 2, 0, seen, keys);
    let scores = product(qRows, kSeen, false, true, scale);
    const mask = maskOf(block);
    if (mask) {
      const grouped = emit.reshape(scores, [batch, kvHeads, groups, rows, seen]);
      scores = emit.reshape(emit.node('Add', [grouped, mask]), [batch, kvHeads, groups * rows, seen]);
    }
    return { p: emit.node('Softmax', [scores], { axis: { int: -1 } }), scores, q: qRows, k: kSeen, v: vSeen };
  };
  return { sizes, q, k, v, slice, product, weights };
}

const join = (emit: OnnxEmitter, pieces: readonly string[], axis: number): string =>
  pieces.length === 1 ? (pieces[0] as string) : emit.node('Concat', pieces, { axis: { int: axis } });

export function attentionOnnx(
  emit: OnnxEmitter,
  inputs: readonly (string | null)[],
  view: OnnxNodeView<AttentionAttrs>,
): readonly string[] {
  const { sizes, product, weights } = parts(emit, inputs, view);
  const { batch, queries, heads, kvHeads, groups, width } = sizes;
  const outs: string[] = [];
  const sums: string[] = [];
  for (const block of blocksOf(sizes, view.attrs.causal)) {
    const rows = block.end - block.start;
    const { p, scores, v } = weights(block);
    outs.push(emit.reshape(product(p, v, false, false), [batch, kvHeads, groups, rows, width]));
    sums.push(
      emit.reshape(emit.node('ReduceLogSumExp', [scores, emit.ints([-1])], { keepdims: { int: 0 } }), [
        batch,
        kvHeads,
        groups,
        rows,
      ]),
    );
  }
  const out = emit.reshape(join(emit, outs, 3), [batch, heads, queries, width]);
  return [
    emit.node('Transpose', [out], { perm: { ints: [0, 2, 1, 3] } }),
    emit.reshape(join(emit, sums, 3), [batch, heads, queries]),
  ];
}

/** The weights are emitted as in the forward pass, so that equal nodes merge and the softmax is computed once. */
export function attentionGradOnnx(
  emit: OnnxEmitter,
  inputs: readonly (string | null)[],
  view: OnnxNodeView<AttentionAttrs>,
): readonly string[] {
  const { sizes, slice, product, weights } = parts(emit, inputs, view);
  const { batch, queries, keys, heads, kvHeads, groups, width } = sizes;
  const { scale, causal } = view.attrs;
  const dOut = emit.reshape(emit.node('Transpose', [required(inputs, 6)], { perm: { ints: [0, 2, 1, 3] } }), [
    batch,
    kvHeads,
    groups,
    queries,
    width,
  ]);
  const blocks = blocksOf(sizes, causal);
  const dq: string[] = [];
  const dk: string[] = [];
  const dv: string[] = [];
  for (const block of blocks) {
    const { start, end } = block;
    const rows = end - start;
    const { p, q, k, v } = weights(block);
    const d = emit.reshape(slice(dOut, 3, start, end, queries), [batch, kvHeads, groups * rows, width]);
    dv.push(product(p, d, true, false));
    const weighted = emit.node('Mul', [product(d, v, false, true), p]);
    const total = emit.node('ReduceSum', [weighted, emit.ints([-1])], { keepdims: { int: 1 } });
    const dScores = emit.node('Sub', [weighted, emit.node('Mul', [p, total])]);
    dq.push(emit.reshape(product(dScores, k, false, false, scale), [batch, kvHeads, groups, rows, width]));
    dk.push(product(dScores, q, true, false, scale));
  }
  /** Block j of the keys is seen by every query block from j on. */
  const gather = (pieces: readonly string[]): string => {
    if (pieces.length === 1) return pieces[0] as string;
    const joined = blocks.map(({ start, end }, j) => {
      const seen = blocks.flatMap((block, i) => (i < j ? [] : [slice(pieces[i] as string, 2, start, end, block.keys)]));
      return seen.length === 1 ? (seen[0] as string) : emit.node('Sum', seen);
    });
    return join(emit, joined, 2);
  };
  const byToken = (x: string) => emit.node('Transpose', [x], { perm: { ints: [0, 2, 1, 3] } });
  const dkAll = emit.reshape(gather(dk), [batch, kvHeads, keys, width]);
  const dvAll = emit.reshape(gather(dv), [batch, kvHeads, keys, width]);
  return [byToken(emit.reshape(join(emit, dq, 3), [batch, heads, queries, width])), byToken(dkAll), byToken(dvAll)];
}
