import { at, required } from '../../ir/graph.ts';
import { type AttentionAttrs, attentionSizes } from '../../ir/ops/attention.ts';
import { forwardExtras, gradExtras } from '../../ir/ops/attentionMask.ts';
import { type RotaryAttrs, rotaryTables } from '../../ir/ops/rotary.ts';
import { type VocabularyAttrs, type VocabularyGradAttrs, vocabularyOperands } from '../../ir/ops/vocabulary.ts';
import { dimAt, type Shape, sizeOf, tensorType } from '../../ir/types.ts';
import type { Ref } from './ref.ts';
import type { Rule, RuleContext } from './rules.ts';

const rowsAndWidth = (shape: Shape): [number, number] => [sizeOf(shape.slice(0, -1)), dimAt(shape, -1)];

/** Strides of a bias by sequence, head and query, 0 where it is the same for all. */
function biasStrides(bias: Ref | null): number[] {
  if (!bias) return [0, 0, 0];
  const [batch = 1, heads = 1, queries = 1, keys = 1] = bias.type.shape;
  return [batch === 1 ? 0 : heads * queries * keys, heads === 1 ? 0 : queries * keys, queries === 1 ? 0 : keys];
}

function attentionNumbers(q: Ref, k: Ref, attrs: AttentionAttrs): { ints: number[]; floats: number[] } {
  const { batch, queries, keys, heads, kvHeads, width } = attentionSizes(q.type.shape, k.type.shape);
  const { causal, window = 0, scale, softCap = 0 } = attrs;
  return { ints: [batch, queries, keys, heads, kvHeads, width, causal ? 1 : 0, window], floats: [scale, softCap] };
}

/** Whether only log-probabilities are asked for, of plain logits. */
const onlyLogprobs = (inputs: readonly (Ref | null)[], { statistics, softCap }: VocabularyAttrs): boolean =>
  statistics.length === 1 && statistics[0] === 'logprobs' && softCap === undefined && !vocabularyOperands(inputs).bias;

/** The kernel of log-probabilities: they, their gradient by the hidden states, and the softmax's largest logits and sums [2, N]. */
function vocabularyLogprobs({ build, inputs, attrs }: RuleContext): readonly Ref[] {
  const given = attrs as unknown as VocabularyAttrs;
  const { hidden, head, targets } = vocabularyOperands(inputs);
  const rows = dimAt(hidden.type.shape, 0);
  const { codes = head, scales = null, bits = 0 } = head.quantized ?? {};
  return build.kernel('vocabularyLogprobs', {
    inputs: [hidden, codes, targets, scales],
    outputs: [tensorType('f32', [rows]), hidden.type, tensorType('f32', [2, rows])],
    ints: [rows, dimAt(head.type.shape, 0), dimAt(hidden.type.shape, 1), bits],
    floats: [given.scale / given.temperature],
    optional: [0, 1, 2],
    narrow: bits === 0 ? [1] : [],
  });
}

/** Composites of language models that have kernels of their own. */
export const modelRules: Readonly<Record<string, Rule>> = {
  rmsNorm: ({ build, inputs, attrs, outputTypes }) => {
    const [x, weight] = [required(inputs, 0), required(inputs, 1)];
    return build.kernel('rmsNorm', {
      inputs: [x, weight],
      outputs: outputTypes,
      ints: rowsAndWidth(x.type.shape),
      floats: [Number(attrs['eps'])],
      optional: [1],
    });
  },
  rmsNormGrad: ({ build, inputs, outputTypes }) => {
    const operands = [0, 1, 2, 3].map((index) => required(inputs, index));
    const ints = rowsAndWidth(at(operands, 0).type.shape);
    return build.kernel('rmsNormGrad', { inputs: [...operands, null], outputs: outputTypes, ints });
  },
  rotary: ({ build, inputs, attrs, outputTypes }) => {
    const [x, positions] = [required(inputs, 0), required(inputs, 1)];
    const { inverseFrequencies, positions: limit, inverse, ...rest } = attrs as unknown as RotaryAttrs;
    const [batch = 0, time = 0, heads = 0, width = 0] = x.type.shape;
    const pairs = inverseFrequencies.length;
    // One pair of tables serves both directions.
    const tables = rotaryTables({ inverseFrequencies, positions: limit, inverse: false, ...rest }).map((table) =>
      build.constant('f32', [limit, pairs], table.map(Math.fround)),
    );
    return build.kernel('rotary', {
      inputs: [x, positions, ...tables],
      outputs: outputTypes,
      ints: [batch * time, heads, width, pairs, limit],
      floats: [inverse ? -1 : 1],
    });
  },
  attention: ({ build, inputs, attrs, outputTypes }) => {
    const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    const { segments, bias, keySegments, prefix } = forwardExtras(inputs);
    const { ints, floats } = attentionNumbers(q, k, attrs as unknown as AttentionAttrs);
    return build.kernel('attention', {
      inputs: [q, k, v, segments, bias, keySegments, prefix],
      outputs: outputTypes,
      ints: [...ints, ...biasStrides(bias)],
      floats,
      optional: [1],
    });
  },
  attentionGrad: ({ build, inputs, attrs, outputTypes }) => {
    const { segments, bias, keySegments, prefix } = gradExtras(inputs);
    if (bias) return null;
    const [q, k, v, dOut] = [0, 1, 2, 6].map((index) => required(inputs, index)) as [Ref, Ref, Ref, Ref];
    // The kernel makes the saved output and statistic again, as the decomposition does.
    return build.kernel('attentionGrad', {
      inputs: [q, k, v, segments, dOut, keySegments, prefix],
      outputs: outputTypes,
      ...attentionNumbers(q, k, attrs as unknown as AttentionAttrs),
    });
  },
  cachedAttention: ({ build, inputs, attrs, outputTypes }) => {
    const operands = [0, 1, 2, 3, 4, 5].map((index) => required(inputs, index));
    const [q, k, cache] = [at(operands, 0), at(operands, 1), at(operands, 3)];
    const { batch, queries, heads, kvHeads, width } = attentionSizes(q.type.shape, k.type.shape);
    const capacity = dimAt(cache.type.shape, 2);
    const flags = [attrs['fresh'] === true ? 1 : 0, Number(attrs['window'] ?? 0)];
    const bias = inputs[6] ?? null;
    return build.kernel('cachedAttention', {
      inputs: [...operands, bias],
      outputs: outputTypes,
      ints: [batch, queries, capacity, heads, kvHeads, width, ...flags, ...biasStrides(bias)],
      floats: [Number(attrs['scale']), Number(attrs['softCap'] ?? 0)],
      inPlace: { 1: 3, 2: 4 },
    });
  },
  vocabularyStatistics: (context) => {
    if (!onlyLogprobs(context.inputs, context.attrs as unknown as VocabularyAttrs)) return null;
    return vocabularyLogprobs(context).slice(0, 2);
  },
  vocabularyStatisticsGrad: (context) => {
    const { build, inputs, attrs, outputTypes } = context;
    const given = attrs as unknown as VocabularyGradAttrs;
    if (!onlyLogprobs(inputs, given) || given.wrt.length !== 1 || given.wrt[0] !== 1) return null;
    const { hidden, head, targets } = vocabularyOperands(inputs);
    // The forward pass has this call already and gives what it knows of the softmax.
    const softmax = at(vocabularyLogprobs(context), 2);
    return build.kernel('vocabularyHeadGrad', {
      inputs: [hidden, head, targets, required(inputs, 8), softmax],
      outputs: outputTypes,
      ints: [dimAt(hidden.type.shape, 0), dimAt(head.type.shape, 0), dimAt(hidden.type.shape, 1)],
      floats: [given.scale / given.temperature],
      narrow: [1],
    });
  },
};
