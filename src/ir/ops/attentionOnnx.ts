import { required } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import type { OnnxNodeView } from '../op.ts';
import type { AttentionAttrs, AttentionSizes } from './attention.ts';
import { attentionSizes } from './attention.ts';
import { type Block, blocksOf, keyRanges } from './attentionBlocks.ts';
import { type AttentionExtras, forwardExtras, gradExtras, inReach } from './attentionMask.ts';

/** Low enough to vanish in a softmax, high enough that a sum of two stays finite. */
const masked = -1e30;

type Names = readonly (string | null)[];

interface Parts {
  readonly sizes: AttentionSizes;
  readonly blocks: readonly Block[];
  slice(x: string, axis: number, start: number, end: number, size: number): string;
  product(a: string, b: string, transA: boolean, transB: boolean, alpha?: number): string;
  /** Softmax weights [B, KV, G·C, keys] of a block, its operands, and tanh(score / c) under a soft cap. */
  weights(block: Block): { p: string; scores: string; q: string; k: string; v: string; tanh: string | null };
}

/** Sizes of a bias, its heads as [KV, G], and those of the scores of a block. */
function biasShape(shape: readonly number[], { kvHeads, groups }: AttentionSizes): number[] {
  const [b, h, t, s] = shape as [number, number, number, number];
  return [b, ...(h === 1 ? [1, 1] : [kvHeads, groups]), t, s];
}

function parts(
  emit: OnnxEmitter,
  inputs: Names,
  { segments, bias, keySegments, prefix }: AttentionExtras<string>,
  biasSizes: readonly number[],
  view: OnnxNodeView<AttentionAttrs>,
): Parts {
  const { attrs } = view;
  const { scale, causal, window, softCap } = attrs;
  const sizes = attentionSizes(required(view.inputTypes, 0).shape, required(view.inputTypes, 1).shape);
  const { batch, queries, keys, kvHeads, groups, width } = sizes;
  const byHead = (x: string) => emit.node('Transpose', [x], { perm: { ints: [0, 2, 1, 3] } });
  const q = emit.reshape(byHead(required(inputs, 0)), [batch, kvHeads, groups, queries, width]);
  const k = byHead(required(inputs, 1));
  const v = byHead(required(inputs, 2));
  const slice: Parts['slice'] = (x, axis, start, end, size) =>
    start === 0 && end === size ? x : emit.slice(x, 'f32', axis, start, end);
  const part = (ids: string, start: number, end: number, size: number): string =>
    start === 0 && end === size ? ids : emit.slice(ids, 'i32', 1, start, end);
  const product: Parts['product'] = (a, b, transA, transB, alpha = 1) =>
    emit.product(a, b, { ranks: [4, 4], transposeA: transA, transposeB: transB, alpha });
  /** What position alone hides of a block, [C, keys]; null when nothing. */
  const reachMask = ({ start, end, from, to }: Block): string | null => {
    const [rows, seen] = [end - start, to - from];
    if (!causal && window === undefined) return null;
    if (window === undefined && rows === 1 && !prefix) return null;
    return emit.constant(`reach:${causal}:${window}:${start}:${end}:${from}:${to}`, 'f32', [rows, seen], () => {
      const mask = new Float32Array(rows * seen);
      for (let row = 0; row < rows; row++) {
        for (let key = 0; key < seen; key++) {
          if (!inReach(start + row, from + key, attrs)) mask[row * seen + key] = masked;
        }
      }
      return mask;
    });
  };
  const arange = (count: number): string =>
    emit.constant(`arange:${count}`, 'i32', [count], () => Int32Array.from({ length: count }, (_, i) => i));
  /** Additive mask that broadcasts to [B, KV, G, C, keys]; null when nothing is hidden. */
  const maskOf = (block: Block): string | null => {
    const { start, end, from, to } = block;
    let mask = reachMask(block);
    if (mask && prefix) {
      const before = emit.node('Less', [arange(keys), emit.reshape(prefix, [batch, 1, 1, 1, 1])]);
      mask = emit.node('Where', [before, emit.scalar(0), mask]);
    }
    if (segments === null) return mask;
    const rows = emit.reshape(part(segments, start, end, queries), [batch, 1, 1, end - start, 1]);
    const columns = emit.reshape(part(keySegments ?? segments, from, to, keys), [batch, 1, 1, 1, to - from]);
    return emit.node('Where', [emit.node('Equal', [rows, columns]), mask ?? emit.scalar(0), emit.scalar(masked)]);
  };
  const biasOf = ({ start, end, from, to }: Block): string | null => {
    if (bias === null) return null;
    const grouped = emit.reshape(bias, biasSizes);
    const rows = biasSizes[3] === 1 ? grouped : slice(grouped, 3, start, end, queries);
    return slice(rows, 4, from, to, keys);
  };
  const weights: Parts['weights'] = (block) => {
    const { start, end, from, to } = block;
    const [rows, seen] = [end - start, to - from];
    const qRows = emit.reshape(slice(q, 3, start, end, queries), [batch, kvHeads, groups * rows, width]);
    const kSeen = slice(k, 2, from, to, keys);
    const vSeen = slice(v, 2, from, to, keys);
    let scores = product(qRows, kSeen, false, true, softCap === undefined ? scale : scale / softCap);
    const tanh = softCap === undefined ? null : emit.node('Tanh', [scores]);
    if (tanh && softCap !== undefined) scores = emit.node('Mul', [tanh, emit.scalar(softCap)]);
    const added = [biasOf(block), maskOf(block)].filter((term) => term !== null);
    if (added.length > 0) {
      const grouped = emit.reshape(scores, [batch, kvHeads, groups, rows, seen]);
      const total = added.reduce((sum, term) => emit.node('Add', [sum, term]), grouped);
      scores = emit.reshape(total, [batch, kvHeads, groups * rows, seen]);
    }
    return { p: emit.node('Softmax', [scores], { axis: { int: -1 } }), scores, q: qRows, k: kSeen, v: vSeen, tanh };
  };
  return { sizes, blocks: blocksOf(sizes, attrs, prefix !== null), slice, product, weights };
}

const join = (emit: OnnxEmitter, pieces: readonly string[], axis: number): string =>
  pieces.length === 1 ? (pieces[0] as string) : emit.node('Concat', pieces, { axis: { int: axis } });

const total = (emit: OnnxEmitter, pieces: readonly string[]): string =>
  pieces.length === 1 ? (pieces[0] as string) : emit.node('Sum', pieces);

/** The bias's own sizes with its heads split; [] without one. */
function biasSizesOf(view: OnnxNodeView<AttentionAttrs>, place: number): number[] {
  const bias = view.inputTypes[place] ?? null;
  const sizes = attentionSizes(required(view.inputTypes, 0).shape, required(view.inputTypes, 1).shape);
  return bias ? biasShape(bias.shape, sizes) : [];
}

export function attentionOnnx(emit: OnnxEmitter, inputs: Names, view: OnnxNodeView<AttentionAttrs>): readonly string[] {
  const built = parts(emit, inputs, forwardExtras(inputs), biasSizesOf(view, 4), view);
  const { sizes, blocks, product, weights } = built;
  const { batch, queries, heads, kvHeads, groups, width } = sizes;
  const outs: string[] = [];
  const sums: string[] = [];
  for (const block of blocks) {
    const rows = block.end - block.start;
    const { p, scores, v } = weights(block);
    outs.push(emit.reshape(product(p, v, false, false), [batch, kvHeads, groups, rows, width]));
    const last = [emit.ints([-1])];
    const top = emit.node('ReduceMax', [scores, ...last], { keepdims: { int: 1 } });
    const shifted = emit.node('Exp', [emit.node('Sub', [scores, top])]);
    const sum = emit.node('Log', [emit.node('ReduceSum', [shifted, ...last], { keepdims: { int: 1 } })]);
    sums.push(emit.reshape(emit.node('Add', [top, sum]), [batch, kvHeads, groups, rows]));
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
  inputs: Names,
  view: OnnxNodeView<AttentionAttrs>,
): readonly string[] {
  const extras = gradExtras(inputs);
  const biasSizes = biasSizesOf(view, 7);
  const { sizes, blocks, slice, product, weights } = parts(emit, inputs, extras, biasSizes, view);
  const { batch, queries, keys, heads, kvHeads, groups, width } = sizes;
  const { scale } = view.attrs;
  const byHead = emit.node('Transpose', [required(inputs, 6)], { perm: { ints: [0, 2, 1, 3] } });
  const dOut = emit.reshape(byHead, [batch, kvHeads, groups, queries, width]);
  const dq: string[] = [];
  const dk: string[] = [];
  const dv: string[] = [];
  const dBias: string[] = [];
  for (const block of blocks) {
    const { start, end, from, to } = block;
    const rows = end - start;
    const { p, q, k, v, tanh } = weights(block);
    const d = emit.reshape(slice(dOut, 3, start, end, queries), [batch, kvHeads, groups * rows, width]);
    dv.push(product(p, d, true, false));
    const weighted = emit.node('Mul', [product(d, v, false, true), p]);
    const sum = emit.node('ReduceSum', [weighted, emit.ints([-1])], { keepdims: { int: 1 } });
    let dScores = emit.node('Sub', [weighted, emit.node('Mul', [p, sum])]);
    if (extras.bias !== null) {
      const grouped = emit.reshape(dScores, [batch, kvHeads, groups, rows, to - from]);
      dBias.push(reducedTo(emit, grouped, [batch, kvHeads, groups, rows], biasSizes, from, keys - to));
    }
    if (tanh) {
      const slope = emit.node('Sub', [emit.scalar(1), emit.node('Mul', [tanh, tanh])]);
      dScores = emit.node('Mul', [dScores, slope]);
    }
    dq.push(emit.reshape(product(dScores, k, false, false, scale), [batch, kvHeads, groups, rows, width]));
    dk.push(product(dScores, q, true, false, scale));
  }
  const ranges = keyRanges(blocks);
  /** Each range of keys sums what the blocks that see it give. */
  const gather = (pieces: readonly string[]): string => {
    if (pieces.length === 1) return pieces[0] as string;
    const joined = ranges.map(({ start, end, seen }) => {
      const given = seen.map((i) => {
        const { from, to } = blocks[i] as Block;
        return slice(pieces[i] as string, 2, start - from, end - from, to - from);
      });
      return total(emit, given);
    });
    return join(emit, joined, 2);
  };
  const byToken = (x: string) => emit.node('Transpose', [x], { perm: { ints: [0, 2, 1, 3] } });
  const dkAll = emit.reshape(gather(dk), [batch, kvHeads, keys, width]);
  const dvAll = emit.reshape(gather(dv), [batch, kvHeads, keys, width]);
  const dqAll = emit.reshape(join(emit, dq, 3), [batch, heads, queries, width]);
  const found = [byToken(dqAll), byToken(dkAll), byToken(dvAll)];
  if (extras.bias === null) return found;
  const whole = biasSizes[3] === 1 ? total(emit, dBias) : join(emit, dBias, 3);
  return [...found, emit.reshape(whole, required(view.inputTypes, 7).shape)];
}

/** Gradient of the scores of a block summed to the bias's sizes, with zeros for the keys before and after its own. */
function reducedTo(
  emit: OnnxEmitter,
  dScores: string,
  sizes: readonly number[],
  bias: readonly number[],
  before: number,
  after: number,
): string {
  const axes = sizes.flatMap((size, axis) => (bias[axis] === 1 && size !== 1 ? [axis] : []));
  const summed =
    axes.length === 0 ? dScores : emit.node('ReduceSum', [dScores, emit.ints(axes)], { keepdims: { int: 1 } });
  if (before === 0 && after === 0) return summed;
  return emit.node('Pad', [summed, emit.ints([0, 0, 0, 0, before, 0, 0, 0, 0, after])]);
}
