import { apply, buildGraph, type Graph, input, isLeaf, type Node } from '../../ir/graph.ts';
import { constantOp } from '../../ir/ops/constant.ts';
import { formatType } from '../../ir/types.ts';

/** A node alone, its operands fed; constants stay constants. */
function alone({ op, attrs, inputs }: Node): Graph {
  const operands = inputs.map((value, index) =>
    value === null || value.node.op === constantOp ? value : input(`x${index}`, value.type.dtype, value.type.shape),
  );
  return buildGraph(Object.fromEntries(apply(op, operands, attrs).map((output, index) => [`y${index}`, output])));
}

/** The first op of a graph that `load` refuses on its own, with its operands' types; undefined where each passes. */
export async function culprit(graph: Graph, load: (part: Graph) => Promise<void>): Promise<string | undefined> {
  const tried = new Set<string>();
  for (const node of graph.nodes) {
    if (isLeaf(node) || node.op === constantOp) continue;
    const types = node.inputs.map((value) => (value ? formatType(value.type) : '-')).join(', ');
    const key = `${node.op.name}(${types}) ${JSON.stringify(node.attrs)}`;
    if (tried.has(key)) continue;
    tried.add(key);
    try {
      await load(alone(node));
    } catch {
      return `${node.op.name}(${types})`;
    }
  }
  return undefined;
}
