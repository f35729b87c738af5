import { apply, at, buildGraph, type Graph, isLeaf, type Node, type Value } from './graph.ts';
import { afterOp } from './ops/after.ts';
import { constantOp, contentHash } from './ops/constant.ts';
import type { Attrs } from './op.ts';
import { type Dense, sizeOf } from './types.ts';

/** Larger results of constant operands stay computed: folding would store them. */
const foldLimit = 4096;

/** Evaluates a node in f64; the runtime's reference. */
export type Evaluate = (node: Node, inputs: readonly (Dense | null)[]) => readonly Dense[];

/**
 * The same program with less to do: equal nodes merged, nodes of constant operands computed (in f64, rounded once),
 * what no output needs dropped. Without `evaluate` nothing is folded.
 */
export function simplify(graph: Graph, evaluate?: Evaluate): Graph {
  const replaced = new Map<Value, Value>();
  const resolve = (value: Value): Value => replaced.get(value) ?? value;
  const merged = new Map<string, Node>();
  const ids = new Map<Value, number>();
  const idOf = (value: Value): number => {
    const known = ids.get(value);
    if (known !== undefined) return known;
    ids.set(value, ids.size);
    return ids.size - 1;
  };
  for (const node of graph.nodes) {
    if (isLeaf(node)) continue;
    const inputs = node.inputs.map((input) => input && resolve(input));
    if (node.op.opaque) {
      const copy = rebuilt(node, inputs);
      if (copy !== node) node.outputs.forEach((output, index) => replaced.set(output, at(copy.outputs, index)));
      continue;
    }
    const key = `${node.op.name}(${inputs.map((input) => (input ? idOf(input) : '-')).join()})${attrsKey(node.attrs)}`;
    const twin = merged.get(key);
    const target = twin ?? folded(node, inputs, evaluate) ?? rebuilt(node, inputs);
    if (!twin) merged.set(key, target);
    if (target !== node) node.outputs.forEach((output, index) => replaced.set(output, at(target.outputs, index)));
  }
  const outputs = Object.fromEntries([...graph.outputs].map(([name, value]) => [name, resolve(value)]));
  return buildGraph(outputs, { inPlace: Object.fromEntries(graph.inPlace) });
}

function rebuilt(node: Node, inputs: readonly (Value | null)[]): Node {
  return inputs.every((input, index) => input === node.inputs[index])
    ? node
    : at(apply(node.op, inputs, node.attrs), 0).node;
}

function folded(node: Node, inputs: readonly (Value | null)[], evaluate: Evaluate | undefined): Node | undefined {
  const [output] = node.outputs;
  if (!evaluate || !output || node.outputs.length !== 1 || node.op === constantOp || node.op === afterOp)
    return undefined;
  if (sizeOf(output.type.shape) > foldLimit) return undefined;
  if (!inputs.every((input) => input === null || input.node.op === constantOp)) return undefined;
  const [result] = evaluate(
    node,
    inputs.map((input) => input && constantDense(input)),
  );
  if (!result) return undefined;
  const data = result.dtype === 'f32' ? result.data.map(Math.fround) : result.data;
  return at(apply(constantOp, [], { dtype: result.dtype, shape: result.shape, data }), 0).node;
}

const constantDense = (value: Value): Dense => value.node.attrs as unknown as Dense;

function attrsKey(attrs: Attrs): string {
  return JSON.stringify(attrs, (_key, value: unknown) => {
    if (value instanceof Float64Array) return contentHash(value);
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    return Object.is(value, -0) ? '-0' : value;
  });
}
