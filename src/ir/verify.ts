import { apply, type Graph, isLeaf, type Node, type Value } from './graph.ts';
import { formatType, sameType } from './types.ts';

const where = (node: Node, index: number): string => `node ${index} (${node.op.name})`;

/**
 * Checks a graph: `order` (a node stands after what it reads), `leaves` (names are unique, every leaf is listed),
 * `types` (each node's outputs are what its op's rule says), `outputs` (each output is computed here), `in-place`
 * (an output written over a leaf has its type; one output per leaf). Throws TypeError that names the rule and the place.
 */
export function verify(graph: Graph): void {
  const broken = (rule: string, place: string, found: string): never => {
    throw new TypeError(`Graph rule "${rule}" is broken at ${place}: ${found}`);
  };
  const known = new Set<Value>();
  const leaves = new Map(graph.leaves.map((leaf) => [leaf.name, leaf]));
  if (leaves.size !== graph.leaves.length) broken('leaves', 'the list of leaves', 'a name stands there twice');
  graph.nodes.forEach((node, index) => {
    for (const input of node.inputs) {
      if (input && !known.has(input))
        broken('order', where(node, index), `it reads a value of ${input.node.op.name} that stands later or nowhere`);
    }
    if (isLeaf(node) && !graph.leaves.some((leaf) => leaf.value.node === node))
      broken('leaves', where(node, index), 'the leaf is not listed');
    const expected = apply(node.op, node.inputs, node.attrs);
    node.outputs.forEach((output, at) => {
      const type = expected[at]?.type;
      if (!type || !sameType(type, output.type)) {
        broken(
          'types',
          where(node, index),
          `output ${at} is ${formatType(output.type)}, the rule says ${type ? formatType(type) : 'nothing'}`,
        );
      }
      known.add(output);
    });
  });
  for (const [name, value] of graph.outputs) {
    if (!known.has(value))
      broken('outputs', `output ${name}`, `a value of ${value.node.op.name} that no node here computes`);
  }
  const overwritten = new Set<string>();
  for (const [output, leafName] of graph.inPlace) {
    const value = graph.outputs.get(output);
    const leaf = leaves.get(leafName);
    if (!value || !leaf) return broken('in-place', `${output} over ${leafName}`, 'no such output or leaf');
    if (!sameType(value.type, leaf.type))
      broken(
        'in-place',
        `${output} over ${leafName}`,
        `types are ${formatType(value.type)} and ${formatType(leaf.type)}`,
      );
    if (overwritten.has(leafName))
      broken('in-place', `${output} over ${leafName}`, 'another output overwrites the same leaf');
    overwritten.add(leafName);
  }
}
