import type { OnnxNode } from './encode.ts';

const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div', 'Neg', 'Sqrt', 'Exp', 'Log', 'Sigmoid', 'Tanh', 'Where']);

/** Operators whose output shares its input's memory. */
const viewing = new Set(['Reshape', 'Identity']);

/**
 * Tells whether an output may share memory with a graph input: the node that writes it works element by element (or is
 * the cache append, which is made for it), and every other reader of the input is done before that node runs.
 */
export function aliasRule(nodes: readonly OnnxNode[]): (output: string, input: string) => boolean {
  const producers = new Map<string, OnnxNode>();
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.outputs) producers.set(name, node);
    for (const name of new Set(node.inputs)) readers.set(name, [...(readers.get(name) ?? []), node]);
  }

  /** Nodes that read the input's memory, by itself or through a view. */
  const readersOf = (input: string): OnnxNode[] => {
    const found: OnnxNode[] = [];
    const names = [input];
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      for (const node of readers.get(name) ?? []) {
        found.push(node);
        if (viewing.has(node.opType)) names.push(...node.outputs);
      }
    }
    return found;
  };

  const ancestors = (writer: OnnxNode): ReadonlySet<OnnxNode> => {
    const before = new Set<OnnxNode>([writer]);
    const queue = [writer];
    for (let node = queue.pop(); node; node = queue.pop()) {
      for (const input of node.inputs) {
        const source = producers.get(input);
        if (source && !before.has(source)) {
          before.add(source);
          queue.push(source);
        }
      }
    }
    return before;
  };

  return (output, input) => {
    const writer = producers.get(output);
    if (!writer || !(elementwise.has(writer.opType) || writer.opType === 'GroupQueryAttention')) return false;
    const others = readersOf(input).filter((node) => node !== writer);
    if (others.length === 0) return true;
    const before = ancestors(writer);
    return others.every((node) => before.has(node));
  };
}
