import { apply1, at, buildGraph, type Graph, input, type Node, required, type Value } from './graph.ts';
import { defineOp, type Op } from './op.ts';
import { substitute } from './substitute.ts';
import { normal } from './dense.ts';

type TapAttrs = { readonly name: string };

export const tapOp: Op<TapAttrs> = defineOp<TapAttrs>({
  name: 'tap',
  formula: 'y = x under a name, by which it can be read or replaced',
  infer: (inputs) => [required(inputs, 0)],
  vjp: ({ cotangents }) => [cotangents[0]],
  reference: (inputs) => [required(inputs, 0)],
  onnx: (_emit, inputs) => [required(inputs, 0)],
  samples: () => [{ name: 'matrix', attrs: { name: 'x' }, inputs: [normal([2, 3], 1)] }],
});

/** Names a value; it computes what it computed before. */
export function tap(x: Value, name: string): Value {
  return apply1(tapOp, [x], { name });
}

const nameOf = ({ op, attrs }: Node): string | undefined => (op === tapOp ? (attrs as TapAttrs).name : undefined);

/** The named values of a graph. Throws RangeError on a name that stands for two. */
export function tapsOf(graph: Graph): ReadonlyMap<string, Value> {
  const taps = new Map<string, Value>();
  for (const node of graph.nodes) {
    const name = nameOf(node);
    if (name === undefined) continue;
    if (taps.has(name)) throw new RangeError(`Expected one tap named ${name} but found two`);
    taps.set(name, at(node.outputs, 0));
  }
  return taps;
}

function tapNamed(graph: Graph, name: string): Value {
  const taps = tapsOf(graph);
  const value = taps.get(name);
  if (!value) throw new RangeError(`Expected a tap among ${[...taps.keys()].join(', ') || 'none'} but found ${name}`);
  return value;
}

const rebuild = (graph: Graph, outputs: Readonly<Record<string, Value>>): Graph =>
  buildGraph(outputs, { inPlace: Object.fromEntries(graph.inPlace) });

/** The graph with named values as outputs of their own, called as the taps. */
export function withTaps(graph: Graph, names: readonly string[]): Graph {
  const taps = Object.fromEntries(names.map((name) => [name, tapNamed(graph, name)]));
  return rebuild(graph, { ...Object.fromEntries(graph.outputs), ...taps });
}

/** The graph with named values replaced by fed leaves of those names: what follows is computed from what is fed. */
export function withPatches(graph: Graph, names: readonly string[]): Graph {
  const replaced = new Map(
    names.map((name): [Value, Value] => {
      const value = tapNamed(graph, name);
      return [value, input(name, value.type.dtype, value.type.shape)];
    }),
  );
  const outputs = substitute([...graph.outputs.values()], replaced);
  return rebuild(graph, Object.fromEntries([...graph.outputs.keys()].map((name, i) => [name, at(outputs, i)])));
}
