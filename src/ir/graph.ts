import type { Attrs, Op } from './op.ts';
import { type DType, formatType, type Shape, type TensorType, tensorType } from './types.ts';

/** A symbolic value: one output of one node. Values are immutable and form a DAG; there is no tape. */
export interface Value {
  readonly type: TensorType;
  readonly node: Node;
  readonly index: number;
}

/** One application of an op. */
export interface Node {
  readonly op: Op;
  readonly attrs: Attrs;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
}

/** A leaf that is fed on every run (`input`) or bound to a weight handle (`parameter`). */
export type LeafKind = 'input' | 'parameter';

export interface Leaf {
  readonly name: string;
  readonly kind: LeafKind;
  readonly type: TensorType;
  readonly value: Value;
}

/** An immutable program: named leaves in, named values out, nodes in an order in which they can run. */
export interface Graph {
  readonly leaves: readonly Leaf[];
  readonly nodes: readonly Node[];
  readonly outputs: ReadonlyMap<string, Value>;
  /** Output name to the leaf whose memory it overwrites. */
  readonly inPlace: ReadonlyMap<string, string>;
}

export interface GraphOptions {
  /** Output name to leaf name: the output is written over the leaf's memory. */
  readonly inPlace?: Readonly<Record<string, string>>;
}

/** Applies an op. Throws what the op's shape rule throws, and RangeError on an empty result, with the op's name in front. */
export function apply<A extends Attrs>(op: Op<A>, inputs: readonly (Value | null)[], attrs: A): readonly Value[] {
  let types: readonly TensorType[];
  try {
    types = op.infer(
      inputs.map((input) => input?.type ?? null),
      attrs,
    );
    types.forEach(checkSizes);
  } catch (error) {
    const place = op.name === leafOp.name ? `leaf ${(attrs as unknown as LeafAttrs).name}` : op.name;
    if (error instanceof Error) error.message = `${place}: ${error.message}`;
    throw error;
  }
  const outputs: Value[] = [];
  const node: Node = { op, attrs, inputs, outputs };
  types.forEach((type, index) => outputs.push({ type, node, index }));
  return outputs;
}

/** Throws RangeError on an empty shape and on sizes that are none. */
function checkSizes(type: TensorType): void {
  if (!type.shape.every((dim) => Number.isSafeInteger(dim) && dim >= 1)) {
    throw new RangeError(`Expected whole sizes of at least 1 but found ${formatType(type)}`);
  }
}

/** Applies an op of one output. */
export function apply1<A extends Attrs>(op: Op<A>, inputs: readonly (Value | null)[], attrs: A): Value {
  return at(apply(op, inputs, attrs), 0);
}

/** Element of an array that must be there. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`Expected an item at ${index} but found ${items.length} items`);
  return item;
}

/** An input that must be there. */
export function required<T>(inputs: readonly (T | null)[], index: number): T {
  const input = inputs[index];
  if (input === undefined || input === null) throw new TypeError(`Expected input ${index} but found none`);
  return input;
}

type LeafAttrs = { readonly name: string; readonly kind: LeafKind; readonly dtype: DType; readonly shape: Shape };

/** A leaf's value comes from outside: fed or bound by name. */
export const leafOp: Op<LeafAttrs> = {
  name: 'leaf',
  formula: 'y = the value fed or bound under this name',
  infer: (_inputs, attrs) => [tensorType(attrs.dtype, attrs.shape)],
  vjp: () => [],
};

/** A leaf that is fed on every run. */
export function input(name: string, dtype: DType, shape: Shape): Value {
  return apply1(leafOp, [], { name, kind: 'input', dtype, shape });
}

/** A leaf that is bound to a weight handle; f32 to the program whatever its storage type is, but for codes of quantised weights. */
export function parameter(name: string, shape: Shape, dtype: 'f32' | 'u8' = 'f32'): Value {
  return apply1(leafOp, [], { name, kind: 'parameter', dtype, shape });
}

export function isLeaf(node: Node): boolean {
  return node.op.name === leafOp.name;
}

export function leafAttrs(node: Node): LeafAttrs {
  if (!isLeaf(node)) throw new TypeError(`Expected a leaf but found ${node.op.name}`);
  return node.attrs as LeafAttrs;
}

/**
 * Nodes that the values depend on, each after its inputs; nodes that `known` holds for, and what only they depend on, are
 * left out. Iterative: graphs are thousands of nodes deep.
 */
export function topologicalOrder(values: readonly Value[], known: (node: Node) => boolean = () => false): Node[] {
  const order: Node[] = [];
  const done = new Set<Node>();
  for (const value of values) {
    const stack: { node: Node; next: number }[] = [{ node: value.node, next: 0 }];
    while (stack.length > 0) {
      const top = at(stack, stack.length - 1);
      if (done.has(top.node) || known(top.node)) {
        stack.pop();
        continue;
      }
      const child = top.node.inputs[top.next];
      if (child === undefined) {
        done.add(top.node);
        order.push(top.node);
        stack.pop();
      } else {
        top.next++;
        if (child !== null && !done.has(child.node)) stack.push({ node: child.node, next: 0 });
      }
    }
  }
  return order;
}

/** Makes a program of named outputs. Throws RangeError on two different leaves of one name. */
export function buildGraph(outputs: Readonly<Record<string, Value>>, options: GraphOptions = {}): Graph {
  const named = new Map(Object.entries(outputs));
  const nodes = topologicalOrder([...named.values()]);
  const leaves = new Map<string, Leaf>();
  for (const node of nodes) {
    if (!isLeaf(node)) continue;
    const { name, kind } = leafAttrs(node);
    const value = at(node.outputs, 0);
    const known = leaves.get(name);
    if (known !== undefined && known.value !== value) {
      throw new RangeError(
        `Expected one leaf named ${name} but found two: ${known.kind} ${formatType(known.type)} and ${kind} ${formatType(value.type)}`,
      );
    }
    leaves.set(name, { name, kind, type: value.type, value });
  }
  return {
    leaves: [...leaves.values()],
    nodes,
    outputs: named,
    inPlace: new Map(Object.entries(options.inPlace ?? {})),
  };
}

/** Declares a fed leaf for `trace`. */
export const inputSpec = (dtype: DType, shape: Shape): LeafSpec => ({ kind: 'input', dtype, shape });

/** Declares a bound leaf for `trace`. */
export const parameterSpec = (shape: Shape): LeafSpec => ({ kind: 'parameter', dtype: 'f32', shape });

export interface LeafSpec {
  readonly kind: LeafKind;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Runs a function on symbolic values and makes a program of what it returns. */
export function trace<S extends Readonly<Record<string, LeafSpec>>>(
  specs: S,
  build: (leaves: { readonly [K in keyof S]: Value }) => Readonly<Record<string, Value>>,
  options: GraphOptions = {},
): Graph {
  const leaves = Object.fromEntries(
    Object.entries(specs).map(([name, { kind, dtype, shape }]) => [
      name,
      apply1(leafOp, [], { name, kind, dtype, shape }),
    ]),
  ) as { readonly [K in keyof S]: Value };
  return buildGraph(build(leaves), options);
}
