import type { Value } from '../ir/graph.ts';
import { concat } from '../ir/ops/concat.ts';
import { neg } from '../ir/ops/neg.ts';
import type { Floats } from '../runtime/linalg/matrices.ts';
import type { Matrix } from '../runtime/linalg/service.ts';
import type { AdapterContext, AdapterParameter, AdapterState, InitialContext } from './adapter.ts';
import { type LoraModule, loraNames } from './loraModule.ts';

/** A [r, in] and B [out, r]. */
export interface Factors<T> {
  readonly a: T;
  readonly b: T;
}

/** Names of the factors that a module starts with, which stay as they are. */
const initialNames = (module: string) => ({ a: `${module}.lora_A.initial`, b: `${module}.lora_B.initial` });

/** Whether a module starts with a part of the base in its factors, so that W + s (B A - B₀ A₀) is its weight. */
export const decomposes = ({ init }: Pick<LoraModule, 'init'>): boolean =>
  typeof init === 'string' && /^(?:olora|pissa)/.test(init);

/** W [out, in] of a module. */
async function weightOf(module: LoraModule, weight: string, { base }: InitialContext): Promise<Float32Array> {
  const { inFeatures, outFeatures, transposed } = module;
  const values = await base(weight);
  if (!transposed) return values;
  return Float32Array.from(values, (_, i) => values[(i % inFeatures) * outFeatures + Math.floor(i / inFeatures)] ?? 0);
}

/** The first `count` columns of a matrix, each times a factor. */
function columnsOf({ shape, data }: Matrix<Floats>, count: number, factor: (column: number) => number): Float32Array {
  const width = shape[1] ?? 0;
  return Float32Array.from(
    { length: (shape[0] ?? 0) * count },
    (_, i) => (data[Math.floor(i / count) * width + (i % count)] ?? 0) * factor(i % count),
  );
}

/** The first `count` rows of a matrix, each times a factor. */
function rowsOf({ shape, data }: Matrix<Floats>, count: number, factor: (row: number) => number): Float32Array {
  const width = shape[1] ?? 0;
  return Float32Array.from({ length: count * width }, (_, i) => (data[i] ?? 0) * factor(Math.floor(i / width)));
}

/**
 * PiSSA: B₀ = U_r √(S_r/s) and A₀ = √(S_r/s) V_rᵀ of W = U S Vᵀ (Meng et al. 2024, arXiv:2404.02948, eq. 2 and 3; the
 * factor s as PEFT has it), by randomised subspace iteration with `pissa_niter_N`. OLoRA: B₀ = Q_r, A₀ = R_r of W = Q R
 * (Büyükakyüz 2024, arXiv:2406.01775, §3).
 */
async function decompose(module: LoraModule, weight: string, context: InitialContext): Promise<Factors<Float32Array>> {
  const { inFeatures, outFeatures, rank, scale, init } = module;
  const matrix = { shape: [outFeatures, inFeatures], data: await weightOf(module, weight, context) };
  const { linalg } = context;
  if (init === 'olora') {
    const { q, r } = await linalg.qr(matrix);
    return { a: rowsOf(r, rank, () => 1), b: columnsOf(q, rank, () => 1) };
  }
  const iterations = /^pissa_niter_(\d+)$/.exec(String(init))?.[1];
  const { u, s, vt } =
    iterations === undefined
      ? await linalg.svd(matrix)
      : await linalg.svdLowRank(matrix, {
          rank,
          oversampling: 0,
          iterations: Number(iterations),
          seed: (context.key[0] ?? 0) >>> 0,
        });
  const root = (index: number): number => Math.sqrt((s.data[index] ?? 0) / scale);
  return { a: rowsOf(vt, rank, root), b: columnsOf(u, rank, root) };
}

/** The decomposition of a module's weight, once for every base. */
function decomposition(
  module: LoraModule,
  weight: string,
): (context: InitialContext) => Promise<Factors<Float32Array>> {
  const known = new WeakMap<InitialContext['base'], Promise<Factors<Float32Array>>>();
  return (context) => {
    const found = known.get(context.base) ?? decompose(module, weight, context);
    known.set(context.base, found);
    return found;
  };
}

/** The factors of a module that decomposes its weight: those that are trained, and the same again as they were. */
export function initialFactors(
  module: LoraModule,
  weight: string,
): { readonly initialize: Factors<AdapterParameter['initialize']>; readonly states: AdapterState[] } {
  const factors = decomposition(module, weight);
  const names = initialNames(module.name);
  const initialize = {
    a: async (values: Float32Array, context: InitialContext) => values.set((await factors(context)).a),
    b: async (values: Float32Array, context: InitialContext) => values.set((await factors(context)).b),
  };
  const { rank, inFeatures, outFeatures } = module;
  return {
    initialize,
    states: [
      { name: names.a, shape: [rank, inFeatures], initialize: initialize.a },
      { name: names.b, shape: [outFeatures, rank], initialize: initialize.b },
    ],
  };
}

/** A and B of a module in a graph, and A₀ and B₀ where it has them. */
export function factorsIn(
  module: LoraModule,
  { param }: AdapterContext,
): Factors<Value> & { readonly initial?: Factors<Value> } {
  const [names, initial] = [loraNames(module.name), initialNames(module.name)];
  const own = { a: param(names.a), b: param(names.b) };
  return decomposes(module) ? { ...own, initial: { a: param(initial.a), b: param(initial.b) } } : own;
}

/** Factors of twice the rank, [A; A₀] and [B, -B₀]: all that the module adds to the base as it is. */
export const stacked = (a: Value, b: Value, initial?: Factors<Value>): Factors<Value> =>
  initial ? { a: concat([a, initial.a], 0), b: concat([b, neg(initial.b)], 1) } : { a, b };

/** `stacked` of values, with the rank: a plain LoRA of the base as it is. */
export function stackedValues(
  { name, rank }: Pick<LoraModule, 'name' | 'rank'>,
  param: (name: string) => Float32Array,
): Factors<Float32Array> & { readonly rank: number } {
  const [names, initial] = [loraNames(name), initialNames(name)];
  const [a, a0, b, b0] = [param(names.a), param(initial.a), param(names.b), param(initial.b)];
  const double = new Float32Array(2 * b.length);
  for (let i = 0; i < b.length; i++) {
    const at = Math.floor(i / rank) * 2 * rank + (i % rank);
    double[at] = b[i] ?? 0;
    double[at + rank] = -(b0[i] ?? 0);
  }
  return { a: Float32Array.from([...a, ...a0]), b: double, rank: 2 * rank };
}
