import { required } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import type { DType } from '../types.ts';
import type { Statistic, VocabularyAttrs, VocabularyOperands } from './vocabulary.ts';
import { inverted } from './vocabularyDraw.ts';

/** A distribution of a chunk of rows, each piece emitted when it is first asked for. */
export interface Distribution {
  readonly hidden: string;
  readonly head: string;
  readonly logits: string;
  /** dz/d(h Wᵀ) is `slope` times, under a soft cap, 1 - tanh². */
  readonly slope: number;
  readonly tanh: string | null;
  p(): string;
  logp(): string;
}

/** Gradient of a statistic by the logits of one distribution, times `sign`. */
export interface Slope {
  readonly matrix: string;
  readonly sign: number;
}

export interface Chunk {
  readonly own: Distribution;
  readonly column: string;
  readonly targets: string;
  /** Of the statistic's own row, [n, 1], or [n, k] twice. */
  statistic(statistic: Statistic): readonly string[];
  /** By the own logits. */
  slopeOf(statistic: Statistic): Slope;
  /** By the reference's logits. */
  referenceSlopeOf(statistic: Statistic): Slope;
  reference(): Distribution;
}

const overRows = { axis: { int: -1 } } as const;

export function toolsOf(emit: OnnxEmitter) {
  const last = (op: string, x: string): string => emit.node(op, [x, emit.ints([-1])], { keepdims: { int: 1 } });
  const binary =
    (op: string) =>
    (a: string, b: string): string =>
      emit.node(op, [a, b]);
  return {
    sum: (x: string): string => last('ReduceSum', x),
    max: (x: string): string => last('ReduceMax', x),
    mean: (x: string): string => last('ReduceMean', x),
    add: binary('Add'),
    sub: binary('Sub'),
    mul: binary('Mul'),
    rows: (x: string, dtype: DType, start: number, end: number): string => emit.slice(x, dtype, 0, start, end),
  };
}

function distribution(
  emit: OnnxEmitter,
  operands: { readonly hidden: string; readonly head: string; readonly bias: string | null },
  {
    scale,
    softCap,
    temperature,
  }: { readonly scale: number; readonly softCap: number | undefined; readonly temperature: number },
): Distribution {
  const { hidden, head, bias } = operands;
  const slope = scale / temperature;
  const factor = softCap === undefined ? slope : scale / softCap;
  const attrs = { transB: { int: 1 }, ...(factor !== 1 && { alpha: { float: factor }, beta: { float: factor } }) };
  const product = emit.node('Gemm', bias === null ? [hidden, head] : [hidden, head, bias], attrs);
  const tanh = softCap === undefined ? null : emit.node('Tanh', [product]);
  const logits = tanh === null ? product : emit.node('Mul', [tanh, emit.scalar((softCap ?? 1) / temperature)]);
  return {
    hidden,
    head,
    logits,
    slope,
    tanh,
    p: () => emit.node('Softmax', [logits], overRows),
    logp: () => emit.node('LogSoftmax', [logits], overRows),
  };
}

/** Statistics and slopes of rows whose operands are sliced already. */
export function chunkOf(
  emit: OnnxEmitter,
  operands: VocabularyOperands<string>,
  attrs: VocabularyAttrs,
  count: number,
  vocabulary: number,
): Chunk {
  const { sum, max, mean, add, sub, mul } = toolsOf(emit);
  const { temperature, k } = attrs;
  const own = distribution(emit, operands, { scale: attrs.scale, softCap: attrs.softCap, temperature });
  const reference = (): Distribution =>
    distribution(
      emit,
      {
        hidden: operands.referenceHidden ?? '',
        head: operands.referenceHead ?? '',
        bias: operands.referenceBias,
      },
      { scale: attrs.referenceScale, softCap: attrs.referenceSoftCap, temperature },
    );
  const targets = operands.targets ?? '';
  const column = operands.targets === null ? '' : emit.reshape(targets, [count, 1]);
  // ln Σ exp z = max z - ln max p: one softmax serves log-probabilities and their gradient.
  const aboveMost = (chosen: string): string => add(sub(chosen, max(own.logits)), emit.node('Log', [max(own.p())]));
  /** ln (a/b) - KL(a‖b), whose mean under a is 0. */
  const logRatio = (a: Distribution, b: Distribution): string => sub(a.logp(), b.logp());
  const divergence = (a: Distribution, b: Distribution): string => sum(mul(a.p(), logRatio(a, b)));
  const centred = (a: Distribution, b: Distribution): string => mul(a.p(), sub(logRatio(a, b), divergence(a, b)));
  const statistics: Readonly<Record<Statistic, () => readonly string[]>> = {
    logprobs: () => [aboveMost(emit.take(own.logits, 'f32', column, 1, vocabulary))],
    meanLogprobs: () => [aboveMost(mean(own.logits))],
    entropy: () => [emit.node('Neg', [sum(mul(own.p(), own.logp()))])],
    klToReference: () => [divergence(own, reference())],
    klFromReference: () => [divergence(reference(), own)],
    topK: () => {
      const flags = { ...overRows, largest: { int: 1 }, sorted: { int: 1 } };
      const [values, indices] = emit.nodes('TopK', [own.logits, emit.ints([k])], flags, { outputs: 2 });
      return [aboveMost(values ?? ''), emit.cast(indices ?? '', 'i32')];
    },
    samples: () => [inverted(emit, own.p(), emit.reshape(operands.uniforms ?? '', [count, 1]), count, vocabulary)],
  };
  const statistic = (name: Statistic): readonly string[] => statistics[name]();
  const slopes: Readonly<Partial<Record<Statistic, () => Slope>>> = {
    logprobs: () => {
      const minusOne = emit.constant(`minus one:${count}`, 'f32', [count, 1], () => new Float32Array(count).fill(-1));
      const flags = { axis: { int: 1 }, reduction: { string: 'add' } };
      return { matrix: emit.node('ScatterElements', [own.p(), column, minusOne], flags), sign: -1 };
    },
    meanLogprobs: () => ({ matrix: sub(own.p(), emit.scalar(1 / vocabulary)), sign: -1 }),
    entropy: () => ({ matrix: mul(own.p(), add(own.logp(), required(statistic('entropy'), 0))), sign: -1 }),
    klToReference: () => ({ matrix: centred(own, reference()), sign: 1 }),
    klFromReference: () => ({ matrix: sub(own.p(), reference().p()), sign: 1 }),
  };
  const referenceSlopes: Readonly<Partial<Record<Statistic, () => Slope>>> = {
    klToReference: () => ({ matrix: sub(own.p(), reference().p()), sign: -1 }),
    klFromReference: () => ({ matrix: centred(reference(), own), sign: 1 }),
  };
  const taken = (found: (() => Slope) | undefined, by: Distribution, name: Statistic): Slope => {
    if (!found) throw new TypeError(`${name} has no gradient`);
    const { matrix, sign } = found();
    if (by.tanh === null) return { matrix, sign };
    return { matrix: mul(matrix, sub(emit.scalar(1), mul(by.tanh, by.tanh))), sign };
  };
  return {
    own,
    column,
    targets,
    statistic,
    slopeOf: (name) => taken(slopes[name], own, name),
    referenceSlopeOf: (name) => taken(referenceSlopes[name], reference(), name),
    reference,
  };
}
