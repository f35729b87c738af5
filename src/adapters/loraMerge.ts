import type { Merge } from './adapter.ts';
import { decomposes, stackedValues } from './loraInitial.ts';
import { type LoraModule, loraNames } from './loraModule.ts';
import { addLowRank, addLowRankTransposed, columnNorms, rowNorms } from './lowRank.ts';

/** Multiplies rows [rows, columns], or columns, by factors. */
function scaleLines(values: Float32Array, columns: number, factors: Float64Array, byColumn: boolean): void {
  for (let i = 0; i < values.length; i++)
    values[i] = (values[i] ?? 0) * (factors[byColumn ? i % columns : Math.floor(i / columns)] ?? 1);
}

/** W' = W + s B A, or W + s (B A - B₀ A₀), in the base's layout; with DoRA each output of it at the length of its magnitude. */
export function mergeWeight(
  module: LoraModule,
  names: { readonly a: string; readonly b: string; readonly magnitude: string },
): Merge['apply'] {
  const { rank, scale, inFeatures, outFeatures, transposed, useDora } = module;
  return (values, param) => {
    const own = decomposes(module) ? stackedValues(module, param) : { a: param(names.a), b: param(names.b), rank };
    const factors = { ...own, scale };
    if (transposed) addLowRankTransposed(values, factors);
    else addLowRank(values, factors);
    if (!useDora) return;
    const magnitudes = param(names.magnitude);
    const norms = transposed ? columnNorms(values, outFeatures) : rowNorms(values, inFeatures);
    const wanted = norms.map((norm, output) => (magnitudes[output] ?? 0) / norm);
    scaleLines(values, transposed ? outFeatures : inFeatures, wanted, transposed);
  };
}

/** Merges of a linear module: its weight and, where B has a bias, its bias. */
export function mergeLinear(module: LoraModule, target: Pick<Merge, 'name' | 'from'>): Merge[] {
  const names = loraNames(module.name);
  const weight: Merge = { ...target, apply: mergeWeight(module, names) };
  const bias: Merge = {
    name: `${module.name}.bias`,
    apply: (values, param) => {
      const term = param(names.bias);
      for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) + module.scale * (term[i] ?? 0);
    },
  };
  return module.loraBias ? [weight, bias] : [weight];
}
