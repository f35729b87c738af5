import { apply, at, type Node, topologicalOrder, type Value } from './graph.ts';

/** Rebuilds values with some of what they depend on replaced. Nodes that depend on no replaced value are shared, not copied. */
export function substitute(values: readonly Value[], replacements: ReadonlyMap<Value, Value>): Value[] {
  const rebuilt = new Map<Value, Value>(replacements);
  const resolve = (value: Value): Value => rebuilt.get(value) ?? value;
  for (const node of topologicalOrder(values)) {
    if (node.outputs.every((output) => rebuilt.has(output))) continue;
    if (!node.inputs.some((input) => input !== null && resolve(input) !== input)) continue;
    const outputs = apply(
      node.op,
      node.inputs.map((input) => input && resolve(input)),
      node.attrs,
    );
    node.outputs.forEach((output, index) => {
      if (!rebuilt.has(output)) rebuilt.set(output, at(outputs, index));
    });
  }
  return values.map(resolve);
}

/** Nodes among what `values` depend on that depend on one of `sources`. */
export function dependents(values: readonly Value[], sources: readonly Value[]): Set<Node> {
  const reached = new Set<Value>(sources);
  const nodes = new Set<Node>();
  for (const node of topologicalOrder(values)) {
    if (!node.inputs.some((input) => input !== null && reached.has(input))) continue;
    nodes.add(node);
    for (const output of node.outputs) reached.add(output);
  }
  return nodes;
}
