import type { Adapter } from '../adapters/adapter.ts';
import { parameter, type Value } from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';
import type { LanguageModel, Model } from '../nn/model.ts';
import type { SiteOperands, Sites } from '../nn/sites.ts';

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

export function parameterTable(model: Model, adapter: Adapter | undefined): (name: string) => Value {
  const all = [...model.parameters, ...(adapter?.parameters ?? []), ...(adapter?.states ?? [])];
  const shapes = new Map(all.map(({ name, shape }): [string, Shape] => [name, shape]));
  return leafTable((name) => {
    const shape = shapes.get(name);
    if (!shape) throw new RangeError(`Expected a parameter of the model but found ${name}`);
    return parameter(name, shape);
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
