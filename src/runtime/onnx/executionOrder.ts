import { at } from '../../ir/graph.ts';
import type { OnnxNode } from './encode.ts';

/**
 * The order in which ONNX Runtime runs nodes: depth first from those whose outputs no node reads, the last of them first,
 * and from each node to the latest of those that it reads (Graph::ReverseDFSFrom with NodeCompare). Not the order of the file.
 */
export function executionOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const producers = new Map<string, number>();
  nodes.forEach(({ outputs }, index) => outputs.forEach((name) => producers.set(name, index)));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const stack: { readonly index: number; readonly leave: boolean }[] = [];
  nodes.forEach(({ outputs }, index) => {
    if (!outputs.some((name) => read.has(name))) stack.push({ index, leave: false });
  });
  const visited = new Set<number>();
  const order: OnnxNode[] = [];
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    const { index, leave } = entry;
    if (leave) order.push(at(nodes, index));
    if (leave || visited.has(index)) continue;
    visited.add(index);
    stack.push({ index, leave: true });
    const sources = at(nodes, index).inputs.flatMap((name) => producers.get(name) ?? []);
    for (const source of sources.toSorted((a, b) => a - b))
      if (!visited.has(source)) stack.push({ index: source, leave: false });
  }
  return order;
}
