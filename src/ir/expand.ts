import { apply, at, isLeaf, type Node, topologicalOrder, type Value } from './graph.ts';
import type { Op } from './op.ts';

/**
 * Rebuilds values with composites replaced by their decompositions, down to primitives. What a composite saves for its
 * gradient becomes ordinary values: taps can reach them and second derivatives exist.
 */
export function expand(values: readonly Value[], which: (op: Op) => boolean = () => true): Value[] {
  const rebuilt = new Map<Value, Value>();
  const known = (node: Node): boolean => node.outputs.every((output) => rebuilt.has(output));
  const resolve = (value: Value): Value => rebuilt.get(value) ?? value;
  const visit = (targets: readonly Value[]): void => {
    for (const node of topologicalOrder(targets, known)) {
      if (isLeaf(node)) continue;
      const inputs = node.inputs.map((input) => input && resolve(input));
      let outputs: readonly Value[];
      if (node.op.decompose && which(node.op)) {
        const parts = node.op.decompose(inputs, node.attrs);
        // The inputs are rebuilt already: visiting the parts goes no further than them.
        for (const input of inputs) if (input) rebuilt.set(input, input);
        visit(parts);
        outputs = parts.map(resolve);
      } else {
        const same = inputs.every((input, index) => input === node.inputs[index]);
        outputs = same ? node.outputs : apply(node.op, inputs, node.attrs);
      }
      node.outputs.forEach((output, index) => rebuilt.set(output, at(outputs, index)));
    }
  };
  visit(values);
  return values.map(resolve);
}
