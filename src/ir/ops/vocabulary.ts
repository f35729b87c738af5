import { apply, at, required, type Value } from '../graph.ts';
import { defineOp, type Op } from '../op.ts';
import { dimAt, formatShape, formatType, sameShape, type TensorType, tensorType } from '../types.ts';
import { add } from './add.ts';
import { filled } from './constant.ts';
import { decomposedVjp } from './decomposed.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';
import type { TopKResult } from './topK.ts';
import { vocabularyGradOnnx, vocabularyOnnx } from './vocabularyOnnx.ts';
import { statisticsOf } from './vocabularyParts.ts';
import { vocabularyGradSamples, vocabularySamples } from './vocabularySamples.ts';
import { requireF32 } from './requireF32.ts';

/** What can be asked of each row's distribution p over the vocabulary, q being the reference's. */
export type Statistic =
  | 'logprobs'
  | 'meanLogprobs'
  | 'entropy'
  | 'klToReference'
  | 'klFromReference'
  | 'topK'
  | 'samples';

const differentiable: ReadonlySet<Statistic> = new Set([
  'logprobs',
  'meanLogprobs',
  'entropy',
  'klToReference',
  'klFromReference',
] as const);
/** Inputs that carry gradients beside the hidden states. */
const ownOperands = [1, 3] as const;
const referenceOperands = [5, 6, 7] as const;
const comparing: ReadonlySet<Statistic> = new Set(['klToReference', 'klFromReference'] as const);

export type VocabularyAttrs = {
  /** In the order of the outputs. */
  readonly statistics: readonly Statistic[];
  /** How many tokens topK names; 0 without. */
  readonly k: number;
  readonly temperature: number;
  readonly scale: number;
  readonly softCap?: number;
  readonly referenceScale: number;
  readonly referenceSoftCap?: number;
};

export type VocabularyGradAttrs = VocabularyAttrs & {
  /** Indices of the inputs whose gradients are the outputs. */
  readonly wrt: readonly number[];
};

export interface VocabularyOperands<T> {
  readonly hidden: T;
  readonly head: T;
  readonly targets: T | null;
  readonly bias: T | null;
  readonly uniforms: T | null;
  readonly referenceHidden: T | null;
  readonly referenceHead: T | null;
  readonly referenceBias: T | null;
}

/** Inputs before the cotangents of the gradient. */
export const operandCount = 8;

export const vocabularyOperands = <T>(inputs: readonly (T | null)[]): VocabularyOperands<T> => ({
  hidden: required(inputs, 0),
  head: required(inputs, 1),
  targets: inputs[2] ?? null,
  bias: inputs[3] ?? null,
  uniforms: inputs[4] ?? null,
  referenceHidden: inputs[5] ?? null,
  referenceHead: inputs[6] ?? null,
  referenceBias: inputs[7] ?? null,
});

/** Place of each statistic's first output, of the directions after them, and how many outputs there are. */
export function vocabularyOutputs({ statistics }: VocabularyAttrs): {
  readonly first: ReadonlyMap<Statistic, number>;
  readonly directions: ReadonlyMap<Statistic, number>;
  readonly count: number;
} {
  const first = new Map<Statistic, number>();
  const directions = new Map<Statistic, number>();
  let count = 0;
  for (const statistic of statistics) {
    first.set(statistic, count);
    count += statistic === 'topK' ? 2 : 1;
  }
  for (const statistic of statistics) if (differentiable.has(statistic)) directions.set(statistic, count++);
  return { first, directions, count };
}

function checkHead(hidden: TensorType, head: TensorType, bias: TensorType | null, whose: string): void {
  const [inner, outer] = [hidden.shape[1], head.shape[0]];
  if (hidden.shape.length !== 2 || head.shape.length !== 2 || inner !== head.shape[1]) {
    throw new RangeError(
      `Expected ${whose}hidden [N, D] and head [V, D] but found ${formatShape(hidden.shape)} and ${formatShape(head.shape)}`,
    );
  }
  if (bias && !sameShape(bias.shape, [outer ?? 0]))
    throw new RangeError(`Expected ${whose}bias [${outer}] but found ${formatShape(bias.shape)}`);
}

function infer(inputs: readonly (TensorType | null)[], attrs: VocabularyAttrs): readonly TensorType[] {
  const { hidden, head, targets, bias, uniforms, referenceHidden, referenceHead, referenceBias } =
    vocabularyOperands(inputs);
  const { statistics, k } = attrs;
  requireF32([hidden, head, bias, referenceHidden, referenceHead, referenceBias]);
  checkHead(hidden, head, bias, '');
  const [rows, vocabulary] = [dimAt(hidden.shape, 0), dimAt(head.shape, 0)];
  const perRow = (type: TensorType | null, dtype: 'i32' | 'f32', name: string): void => {
    if (!type || type.dtype !== dtype || !sameShape(type.shape, [rows]))
      throw new TypeError(`Expected ${dtype} ${name} [${rows}] but found ${type ? formatType(type) : 'none'}`);
  };
  if (statistics.length === 0 || new Set(statistics).size !== statistics.length)
    throw new RangeError(`Expected statistics, each once, but found ${statistics.join(', ') || 'none'}`);
  if (statistics.includes('logprobs')) perRow(targets, 'i32', 'targets');
  if (statistics.includes('samples')) perRow(uniforms, 'f32', 'uniforms');
  if (statistics.includes('topK') && !(Number.isInteger(k) && k >= 1 && k <= vocabulary))
    throw new RangeError(`Expected k in [1, ${vocabulary}] but found ${k}`);
  const kl = statistics.find((statistic) => comparing.has(statistic));
  if (kl !== undefined) {
    if (!referenceHidden || !referenceHead)
      throw new TypeError(`Expected a reference's hidden states and head for ${kl} but found none`);
    checkHead(referenceHidden, referenceHead, referenceBias, "the reference's ");
    if (dimAt(referenceHidden.shape, 0) !== rows || dimAt(referenceHead.shape, 0) !== vocabulary) {
      throw new RangeError(
        `Expected a reference of ${rows} rows and ${vocabulary} tokens but found hidden ${formatShape(referenceHidden.shape)} and head ${formatShape(referenceHead.shape)}`,
      );
    }
  }
  for (const name of ['temperature', 'softCap', 'referenceSoftCap'] as const) {
    const value = attrs[name];
    if (value !== undefined && !(value > 0)) throw new RangeError(`Expected ${name} above 0 but found ${value}`);
  }
  const types = statistics.flatMap((statistic): TensorType[] => {
    if (statistic === 'topK') return [tensorType('f32', [rows, k]), tensorType('i32', [rows, k])];
    return [tensorType(statistic === 'samples' ? 'i32' : 'f32', [rows])];
  });
  return [...types, ...statistics.filter((statistic) => differentiable.has(statistic)).map(() => hidden)];
}

/** Statistics' own outputs first, then ∂/∂h of each that has one. */
export const vocabularyOp: Op<VocabularyAttrs> = defineOp<VocabularyAttrs>({
  name: 'vocabularyStatistics',
  formula:
    'p = softmax(z), z = cap(s (h Wᵀ + b)) / τ with cap(x) = c tanh(x / c), q of the reference alike; logprobs ln p_t, meanLogprobs 1/V Σ_v ln p_v, entropy -Σ p ln p, klToReference KL(p‖q), klFromReference KL(q‖p), topK of ln p, samples: the first v with Σ_{w <= v} p_w > u. Streamed over rows so that z never exists whole; after the statistics the gradient of each by h, so that any loss of them only scales its rows. Logits must be finite',
  infer,
  vjp: ({ attrs, inputs, outputs, cotangents, needs }) => {
    const { first, directions } = vocabularyOutputs(attrs);
    const given = [...directions].flatMap(([statistic, direction]) => {
      const cotangent = cotangents[first.get(statistic) ?? 0];
      return cotangent ? [{ statistic, direction: at(outputs, direction), cotangent }] : [];
    });
    if (cotangents.filter((cotangent) => cotangent !== undefined).length > given.length) {
      throw new TypeError(
        'The gradient of topK and of saved directions is not taken: put stopGradient behind topK, decompose the graph for second derivatives',
      );
    }
    if (given.length === 0) return [];
    const rows = given.map(({ direction, cotangent }) =>
      mul(direction, reshape(cotangent, [dimAt(cotangent.type.shape, 0), 1])),
    );
    const found: (Value | undefined)[] = [needs[0] ? rows.reduce((a, b) => add(a, b)) : undefined];
    const compares = given.some(({ statistic }) => comparing.has(statistic));
    const reached = compares ? [...ownOperands, ...referenceOperands] : ownOperands;
    const wrt = reached.filter((index) => needs[index]);
    if (wrt.length > 0) {
      const operands = Array.from({ length: operandCount }, (_, index) => inputs[index] ?? null);
      const statistics = given.map(({ statistic }) => statistic);
      const gradOperands = [...operands, ...given.map(({ cotangent }) => cotangent)];
      const others = apply(vocabularyGradOp, gradOperands, { ...attrs, statistics, wrt });
      wrt.forEach((index, place) => (found[index] = at(others, place)));
    }
    return found;
  },
  decompose: (inputs, attrs) => {
    const { directions } = vocabularyOutputs(attrs);
    const ones = filled('f32', [dimAt(required(inputs, 0).type.shape, 0)], 1);
    const saved = [...directions.keys()].map((statistic) => {
      const alone = { ...attrs, statistics: [statistic] };
      const needs = inputs.map((_, index) => index === 0);
      return required(
        decomposedVjp((operands) => statisticsOf(operands, alone), { inputs, cotangents: [ones], needs }) as Value[],
        0,
      );
    });
    return [...statisticsOf(inputs, attrs), ...saved];
  },
  onnx: vocabularyOnnx,
  samples: vocabularySamples,
});

/** Inputs as of `vocabularyStatistics`, then a cotangent [N] for each statistic. */
export const vocabularyGradOp: Op<VocabularyGradAttrs> = defineOp<VocabularyGradAttrs>({
  name: 'vocabularyStatisticsGrad',
  formula:
    'With G = Σ_s c_s ∂s/∂z, streamed over rows: dW = Gᵀ h, db = Σ_n G_n, and of the reference dh = G_q W_q, dW_q = G_qᵀ h_q, db_q',
  infer: (inputs, attrs) => {
    infer(inputs, attrs);
    requireF32(inputs.slice(operandCount));
    return attrs.wrt.map((index) => required(inputs, index));
  },
  vjp: 'nondifferentiable',
  decompose: (inputs, attrs) => {
    const operands = inputs.slice(0, operandCount);
    const cotangents = attrs.statistics.map((_, index) => required(inputs, operandCount + index));
    const needs = operands.map((_, index) => attrs.wrt.includes(index));
    const found = decomposedVjp((own) => statisticsOf(own, attrs), { inputs: operands, cotangents, needs });
    return attrs.wrt.map((index) => at(found as readonly Value[], index));
  },
  onnx: vocabularyGradOnnx,
  samples: vocabularyGradSamples,
});

/** Where logits come from: z = cap(scale (h Wᵀ + b)). */
export interface LogitSource {
  /** [N, D] */
  readonly hidden: Value;
  /** [V, D] */
  readonly head: Value;
  /** [V] */
  readonly bias?: Value | null;
  /** Factor of the logits; default 1. */
  readonly scale?: number;
  /** Logits become c tanh(z / c), as Gemma 2 has it. */
  readonly softCap?: number;
}

export interface VocabularyOptions {
  /** i32 [N], for logprobs. */
  readonly targets?: Value;
  /** The model that KL is taken to and from. */
  readonly reference?: LogitSource;
  /** [N] in [0, 1), for samples: `keyedUniform` makes them. */
  readonly uniforms?: Value;
  /** Tokens that topK names. */
  readonly k?: number;
  /** Divides the logits of both models, for every statistic; default 1. */
  readonly temperature?: number;
}

/** Statistics of each row's distribution p over the vocabulary; information in nats. */
export interface VocabularyStatistics {
  /** ln p(target), [N] */
  readonly logprobs: Value;
  /** 1/V Σ_v ln p_v, the log-probability of a token drawn uniformly, [N] */
  readonly meanLogprobs: Value;
  /** [N] */
  readonly entropy: Value;
  /** KL(p‖q), [N] */
  readonly klToReference: Value;
  /** KL(q‖p), [N] */
  readonly klFromReference: Value;
  /** The largest ln p and their tokens, [N, k] */
  readonly topK: TopKResult;
  /** i32 [N], drawn from p */
  readonly samples: Value;
}

/**
 * The statistics that are asked for, and only those, in one pass over the rows; logits never exist whole. Gradients pass
 * through logprobs, their mean, entropy and both KL to all operands.
 */
export function vocabularyStatistics<const S extends Statistic>(
  { hidden, head, bias = null, scale = 1, softCap }: LogitSource,
  statistics: readonly S[],
  { targets, reference, uniforms, k = 0, temperature = 1 }: VocabularyOptions = {},
): Pick<VocabularyStatistics, S> {
  const inputs = [
    hidden,
    head,
    targets ?? null,
    bias,
    uniforms ?? null,
    reference?.hidden ?? null,
    reference?.head ?? null,
    reference?.bias ?? null,
  ];
  const attrs: VocabularyAttrs = {
    statistics,
    k,
    temperature,
    scale,
    referenceScale: reference?.scale ?? 1,
    ...(softCap !== undefined && { softCap }),
    ...(reference?.softCap !== undefined && { referenceSoftCap: reference.softCap }),
  };
  const outputs = apply(vocabularyOp, inputs, attrs);
  const { first } = vocabularyOutputs(attrs);
  const found = statistics.map((statistic): [S, Value | TopKResult] => {
    const place = first.get(statistic) ?? 0;
    const value = at(outputs, place);
    return [statistic, statistic === 'topK' ? { values: value, indices: at(outputs, place + 1) } : value];
  });
  return Object.fromEntries(found) as unknown as Pick<VocabularyStatistics, S>;
}
