import { type Graph, isLeaf, leafAttrs, type Node, topologicalOrder, type Value } from './graph.ts';

/** Where in a model a node computes. */
export interface Place {
  /** The block around it, such as `model.layers.0`, or the module itself; '' outside the model. */
  readonly block: string;
  /** The innermost module, such as `model.layers.0.self_attn.q_proj`. */
  readonly module: string;
}

export interface Placed extends Place {
  /** Backward: what the main output does not depend on, the gradients of it. */
  readonly phase: 'forward' | 'backward';
}

const outside: Place = { block: '', module: '' };

/**
 * A place for every node that is no leaf. `known` places the nodes of the forward pass; a node of the backward pass stands
 * with the parameter whose gradient it gives or that it reads, else with the latest forward value, else with the gradient.
 */
export function placeNodes(graph: Graph, known: ReadonlyMap<Node, Place>, main?: Value): Map<Node, Placed> {
  const forward = new Set(main ? topologicalOrder([main]) : graph.nodes);
  const modules = new Map([...known.values()].map((place) => [place.module, place]));
  const order = new Map(graph.nodes.map((node, index) => [node, index]));
  const placed = new Map<Node, Placed>();
  /** The module that a parameter's name lies in. */
  const ownerOf = (name: string): Place | undefined => {
    for (let end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
      const owner = modules.get(name.slice(0, end));
      if (owner) return owner;
    }
    return undefined;
  };
  /** The parameter at the end of an output's name, such as `gradient of model.norm.weight`. */
  const given = new Map(
    [...graph.outputs].map(([name, value]) => [value.node, ownerOf(name.slice(name.lastIndexOf(' ') + 1))]),
  );
  const backwardPlace = (node: Node): Place => {
    const own = given.get(node);
    if (own) return own;
    const inputs = node.inputs.flatMap((input) => (input ? [input.node] : []));
    for (const leaf of inputs) {
      const owner = isLeaf(leaf) && leafAttrs(leaf).kind === 'parameter' ? ownerOf(leafAttrs(leaf).name) : undefined;
      if (owner) return owner;
    }
    const saved = inputs
      .filter((input) => placed.get(input)?.phase === 'forward')
      .toSorted((a, b) => (order.get(b) ?? 0) - (order.get(a) ?? 0));
    const flowing = inputs.filter((input) => placed.get(input)?.phase === 'backward');
    return [...saved, ...flowing.toReversed()].map((input) => placed.get(input)).find((place) => place) ?? outside;
  };
  for (const node of graph.nodes) {
    if (isLeaf(node)) continue;
    const isForward = forward.has(node);
    const { block, module } = isForward ? (known.get(node) ?? outside) : backwardPlace(node);
    placed.set(node, { block, module, phase: isForward ? 'forward' : 'backward' });
  }
  return placed;
}
