import { required } from '../graph.ts';
import type { OnnxEmitter } from '../onnx.ts';
import type { OnnxNodeView } from '../op.ts';
import { dimAt, type DType, type TensorType } from '../types.ts';
import {
  operandCount,
  type Statistic,
  type VocabularyAttrs,
  type VocabularyGradAttrs,
  type VocabularyOperands,
  vocabularyOperands,
  vocabularyOutputs,
} from './vocabulary.ts';
import { type Chunk, chunkOf, type Slope, toolsOf } from './vocabularyChunk.ts';

/** Rows of logits that exist at once: 256 x 49,152 in f32 are 48 MiB. */
const chunkRows = 256;

type Names = readonly (string | null)[];

/** x [n, c], once the signals, whatever their rows, are there: nothing of each is joined on. */
function waiting(
  emit: OnnxEmitter,
  x: string,
  columns: number,
  signals: readonly (readonly [string, DType])[],
): string {
  if (signals.length === 0) return x;
  const { rows } = toolsOf(emit);
  const nothing = signals.map(([signal, dtype]) => {
    const none = rows(signal, dtype, 0, 0);
    return emit.reshape(dtype === 'f32' ? none : emit.cast(none, 'f32'), [0, columns]);
  });
  return emit.node('Concat', [x, ...nothing], { axis: { int: 0 } });
}

/** Calls `body` for each chunk of rows with its sliced operands; `perRow` are inputs with rows of their own. */
function chunked(
  emit: OnnxEmitter,
  inputs: Names,
  view: { readonly attrs: VocabularyAttrs; readonly inputTypes: readonly (TensorType | null)[] },
  body: (
    chunk: Chunk,
    extras: readonly string[],
    place: { readonly count: number; readonly isLast: boolean },
  ) => readonly (readonly [string, DType])[],
): void {
  const [rows, columns] = required(view.inputTypes, 0).shape as [number, number];
  const vocabulary = dimAt(required(view.inputTypes, 1).shape, 0);
  const referenceColumns = view.inputTypes[5]?.shape[1] ?? 0;
  const { rows: slice } = toolsOf(emit);
  let signals: readonly (readonly [string, DType])[] = [];
  for (let start = 0; start < rows; start += chunkRows) {
    const end = Math.min(rows, start + chunkRows);
    const part = (x: string, dtype: DType = 'f32'): string =>
      start === 0 && end === rows ? x : slice(x, dtype, start, end);
    const whole = vocabularyOperands(inputs);
    const operands: VocabularyOperands<string> = {
      ...whole,
      hidden: waiting(emit, part(whole.hidden), columns, signals),
      targets: whole.targets && part(whole.targets, 'i32'),
      uniforms: whole.uniforms && part(whole.uniforms),
      referenceHidden: whole.referenceHidden && waiting(emit, part(whole.referenceHidden), referenceColumns, signals),
    };
    const extras = inputs.slice(operandCount).map((x) => emit.reshape(part(x ?? ''), [end - start, 1]));
    const chunk = chunkOf(emit, operands, view.attrs, end - start, vocabulary);
    signals = body(chunk, extras, { count: end - start, isLast: end === rows });
  }
}

const joined = (emit: OnnxEmitter, pieces: readonly string[]): string =>
  pieces.length === 1 ? (pieces[0] as string) : emit.node('Concat', pieces, { axis: { int: 0 } });

/** ∂s/∂h of a chunk, taken once the chunk's statistics are there: its logits are then free before the next chunk. */
function direction(
  emit: OnnxEmitter,
  chunk: Chunk,
  name: Statistic,
  count: number,
  signals: readonly string[],
): string {
  const { head, slope, tanh, p } = chunk.own;
  const wait = (x: string): string => {
    const nothing = signals.map((signal) =>
      emit.node('Slice', [signal, emit.ints([0]), emit.ints([0]), emit.ints([1])]),
    );
    return nothing.length === 0 ? x : emit.node('Concat', [x, ...nothing], { axis: { int: 1 } });
  };
  const product = (matrix: string, start: string, alpha: number): string =>
    emit.node('Gemm', [matrix, head, start], {
      alpha: { float: alpha },
      ...(slope !== 1 && { beta: { float: slope } }),
    });
  if (name === 'logprobs' && tanh === null) {
    // W_t - p W, without a matrix of ones.
    const rows = emit.node('Gather', [head, chunk.targets], { axis: { int: 0 } });
    return product(p(), wait(rows), -slope);
  }
  const { matrix, sign } = chunk.slopeOf(name);
  const zeros = emit.constant(`zeros:${count}`, 'f32', [count, 1], () => new Float32Array(count));
  return product(matrix, wait(zeros), sign * slope);
}

/** Each chunk's used outputs before the next chunk's logits, so that one chunk is alive at a time. */
export function vocabularyOnnx(
  emit: OnnxEmitter,
  inputs: Names,
  view: OnnxNodeView<VocabularyAttrs>,
): readonly string[] {
  const { attrs, used, outputTypes } = view;
  const rows = dimAt(required(view.inputTypes, 0).shape, 0);
  const { first, directions, count: outputCount } = vocabularyOutputs(attrs);
  const pieces: string[][] = Array.from({ length: outputCount }, () => []);
  chunked(emit, inputs, view, (chunk, _extras, { count }) => {
    const found = new Map<number, string>();
    for (const [name, place] of first) chunk.statistic(name).forEach((piece, i) => found.set(place + i, piece));
    const isUsed = ([place]: readonly [number, string]): boolean => used[place] === true;
    const statistics = [...found].filter(isUsed);
    const floats = statistics.flatMap(([place, piece]) =>
      required(outputTypes, place).dtype === 'f32' ? [piece] : [],
    );
    for (const [name, place] of directions) found.set(place, direction(emit, chunk, name, count, floats));
    for (const [place, piece] of found) pieces[place]?.push(piece);
    const ends = [...directions.values()].flatMap((place): [number, string][] =>
      used[place] === true ? [[place, found.get(place) ?? '']] : [],
    );
    // A single end orders the chunk by itself.
    const finals = ends.length > 0 ? ends : statistics;
    return finals.length > 1
      ? finals.map(([place, piece]) => [piece, required(outputTypes, place).dtype] as const)
      : [];
  });
  const shaped = pieces.map((each, place) => {
    const whole = joined(emit, each);
    const { shape } = required(outputTypes, place);
    return shape.length === 1 ? emit.reshape(whole, [rows]) : whole;
  });
  return shaped;
}

export function vocabularyGradOnnx(
  emit: OnnxEmitter,
  inputs: Names,
  view: OnnxNodeView<VocabularyGradAttrs>,
): readonly string[] {
  const { attrs } = view;
  const { mul, add } = toolsOf(emit);
  const totals = new Map<number, string>();
  const referenceRows: string[] = [];
  chunked(emit, inputs, view, (chunk, cotangents) => {
    const weighted = (slopeOf: (name: Statistic) => Slope, names: readonly Statistic[]): string =>
      names
        .map((name) => {
          const { matrix, sign } = slopeOf(name);
          const factor = cotangents[attrs.statistics.indexOf(name)] ?? '';
          return mul(matrix, sign === 1 ? factor : emit.node('Neg', [factor]));
        })
        .reduce(add);
    const both = attrs.statistics.filter((name) => name === 'klToReference' || name === 'klFromReference');
    const sides = {
      own: () => ({ by: chunk.own, matrix: weighted(chunk.slopeOf, attrs.statistics) }),
      reference: () => ({ by: chunk.reference(), matrix: weighted(chunk.referenceSlopeOf, both) }),
    };
    const accumulate = (index: number, side: keyof typeof sides): void => {
      const { by, matrix } = sides[side]();
      const known = totals.get(index);
      const flags = { transA: { int: 1 }, ...(by.slope !== 1 && { alpha: { float: by.slope } }) };
      totals.set(index, emit.node('Gemm', [matrix, by.hidden, ...(known === undefined ? [] : [known])], flags));
    };
    const accumulateBias = (index: number, side: keyof typeof sides): void => {
      const { by, matrix } = sides[side]();
      const summed = emit.node('ReduceSum', [matrix, emit.ints([0])], { keepdims: { int: 0 } });
      const scaled = by.slope === 1 ? summed : mul(summed, emit.scalar(by.slope));
      const known = totals.get(index);
      totals.set(index, known === undefined ? scaled : add(known, scaled));
    };
    const takers: Readonly<Record<number, () => void>> = {
      1: () => accumulate(1, 'own'),
      3: () => accumulateBias(3, 'own'),
      5: () => {
        const { by, matrix } = sides.reference();
        referenceRows.push(emit.node('Gemm', [matrix, by.head], by.slope === 1 ? {} : { alpha: { float: by.slope } }));
      },
      6: () => accumulate(6, 'reference'),
      7: () => accumulateBias(7, 'reference'),
    };
    return attrs.wrt.map((index) => {
      takers[index]?.();
      return [totals.get(index) ?? referenceRows.at(-1) ?? '', 'f32'] as const;
    });
  });
  return attrs.wrt.map((index) => totals.get(index) ?? joined(emit, referenceRows));
}
