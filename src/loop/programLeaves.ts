import type { Adapter } from '../adapters/adapter.ts';
import { parameter, type Value } from '../ir/graph.ts';
import { codeBytes, dequantize, quantizedBlock, type QuantizedType } from '../ir/ops/dequantize.ts';
import { type Shape, sizeOf } from '../ir/types.ts';
import type { LanguageModel, Model, ParameterSpec } from '../nn/model.ts';
import type { SiteOperands, Sites } from '../nn/sites.ts';
import { quantizedNames } from '../runtime/quantizedWeights.ts';

/** Makes one leaf per name, on first use. */
export function leafTable(make: (name: string) => Value): (name: string) => Value {
  const made = new Map<string, Value>();
  return (name) => {
    const known = made.get(name);
    if (known) return known;
    const leaf = make(name);
    made.set(name, leaf);
    return leaf;
  };
}

/** What stands in a program for a weight that is held in few bits. */
function quantizedLeaf(name: string, shape: Shape, type: QuantizedType): Value {
  const names = quantizedNames(name);
  const blocks = sizeOf(shape) / quantizedBlock;
  const codes = parameter(names.codes, [blocks * codeBytes[type]], 'u8');
  return dequantize(codes, parameter(names.scales, [blocks]), type, shape);
}

export function parameterTable(model: Model, adapter: Adapter | undefined): (name: string) => Value {
  const all: readonly Pick<ParameterSpec, 'name' | 'shape' | 'quantized'>[] = [
    ...model.parameters,
    ...(adapter?.parameters ?? []),
    ...(adapter?.states ?? []),
  ];
  const specs = new Map(all.map((spec) => [spec.name, spec]));
  return leafTable((name) => {
    const spec = specs.get(name);
    if (!spec) throw new RangeError(`Expected a parameter of the model but found ${name}`);
    const { shape, quantized } = spec;
    return quantized === undefined ? parameter(name, shape) : quantizedLeaf(name, shape, quantized);
  });
}

/** The parameters as the model sees them: an adapter may put copies in their place. */
export const replacedTable =
  (param: (name: string) => Value, adapter: Adapter | undefined): ((name: string) => Value) =>
  (name) =>
    param(adapter?.replaces?.get(name) ?? name);

/** Operands of the product with the vocabulary, through the site of the head. A tied head can be replaced alone. */
export function headOf(
  model: LanguageModel,
  adapter: Adapter | undefined,
  { x, param, sites }: { readonly x: Value; readonly param: (name: string) => Value; readonly sites: Sites },
): SiteOperands['head'] {
  const replaced = adapter?.replaces?.get(`${model.headModule}.weight`);
  const weight = param(replaced ?? model.head);
  return sites.head({ x, weight }, (operands) => operands, model.headModule);
}
