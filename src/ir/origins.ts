import { type Graph, isLeaf, leafAttrs, type Node } from './graph.ts';

/** The nearest parameters above a node: how many steps away, and the path that their modules share. */
interface Nearest {
  readonly steps: number;
  readonly path: readonly string[];
}

const shared = (a: readonly string[], b: readonly string[]): readonly string[] => {
  const end = a.findIndex((part, i) => part !== b[i]);
  return end < 0 ? a : a.slice(0, end);
};

/**
 * Where each node of a graph computes, for people: its op and the module that the nearest parameters above it share, such as
 * `softmax at model.layers.0.self_attn`; the op alone where no parameter is above it.
 */
export function originsOf(graph: Graph): (node: Node) => string {
  const found = new Map<Node, Nearest>();
  for (const node of graph.nodes) {
    if (isLeaf(node)) {
      const { kind, name } = leafAttrs(node);
      if (kind === 'parameter') found.set(node, { steps: 0, path: name.split('.').slice(0, -1) });
      continue;
    }
    const above = node.inputs.flatMap((input) => (input ? (found.get(input.node) ?? []) : []));
    const steps = Math.min(...above.map((nearest) => nearest.steps));
    const paths = above.filter((nearest) => nearest.steps === steps).map(({ path }) => path);
    if (paths.length > 0) found.set(node, { steps: steps + 1, path: paths.reduce(shared) });
  }
  return (node) => {
    const path = found.get(node)?.path.join('.') ?? '';
    return path === '' ? node.op.name : `${node.op.name} at ${path}`;
  };
}

/** An op by name in the origin that it is a part of, or is. */
export const opIn = (name: string, origin: string): string =>
  origin === name || origin.startsWith(`${name} at `) ? origin : `${name} in ${origin}`;
