import { at, type Graph, isLeaf, leafAttrs, type Node, topologicalOrder, type Value } from '../../ir/graph.ts';
import { opIn, originsOf } from '../../ir/origins.ts';
import { aliasRule } from './alias.ts';
import { type GraphEmitter, graphEmitter } from './emitter.ts';
import type { OnnxModel, OnnxNode } from './encode.ts';
import { type OnnxType, valueTypes } from './shapes.ts';
import { cpuTarget, type OnnxTarget, RefusedOperator } from './target.ts';

/** A value that the host fills before each run, because ONNX has no operator for it. */
export interface HostFill {
  readonly name: string;
  readonly value: Value;
  /** Names of the fed leaves that it is computed from. */
  readonly leaves: readonly string[];
}

export interface LoweredGraph {
  readonly model: OnnxModel;
  readonly hostFills: readonly HostFill[];
  /** Outputs that may be written over their leaf while the program runs; the others are copied afterwards. */
  readonly aliased: ReadonlySet<string>;
  /** Types of all values of the model. Throws TypeError naming an operator without a rule for its shape. */
  types(): ReadonlyMap<string, OnnxType>;
}

/** Nodes that are lowered between two pauses. */
const stride = 128;

export interface LowerOptions {
  /** The provider that will run the model; the CPU's unless given. */
  readonly target?: OnnxTarget;
  /** Awaited every few milliseconds, so that others may run. */
  readonly pause?: () => Promise<unknown>;
}

/**
 * A graph as an ONNX model. Composites without a lowering that the target can run are decomposed; unused outputs vanish.
 * Throws TypeError naming an op that has neither.
 */
export async function lower(graph: Graph, options: LowerOptions = {}): Promise<LoweredGraph> {
  const { target = cpuTarget, pause = async () => {} } = options;
  const context: Context = {
    emit: graphEmitter(target),
    names: new Map(),
    fills: [],
    overwrites: new Map(),
    isRead: readerOf(graph),
    origin: '',
  };
  const { emit, names, fills } = context;
  for (const { name, value } of graph.leaves) names.set(value, `in:${name}`);
  for (const [output, leaf] of graph.inPlace) {
    const value = graph.outputs.get(output);
    if (value) context.overwrites.set(value, leaf);
  }
  const originOf = originsOf(graph);
  for (const [index, node] of graph.nodes.entries()) {
    context.origin = originOf(node);
    emit.origin(context.origin);
    lowerInto(node, context);
    if (index % stride === stride - 1) await pause();
  }
  const named = [...graph.outputs.values()].map((value) => nameOf(names, value));
  const outputs = new Map([...graph.outputs.keys()].map((name, index) => [name, at(named, index)]));
  const { nodes, produced, rename } = nameOutputs(emit, graph, outputs);
  const kept = prune(nodes, [...produced.values()]);
  const used = new Set(kept.flatMap((node) => node.inputs));
  const model: OnnxModel = {
    inputs: [
      ...graph.leaves
        .filter(({ name }) => used.has(`in:${name}`))
        .map(({ name, type }) => ({ name: `in:${name}`, ...typed(type) })),
      ...fills.filter(({ name }) => used.has(name)).map(({ name, value }) => ({ name, ...typed(value.type) })),
    ],
    outputs: [...graph.outputs].map(([name, { type }]) => ({ name: `out:${name}`, ...typed(type) })),
    nodes: kept,
    initializers: [...emit.constants.values()].filter(({ name }) => used.has(name)),
  };
  await pause();
  const mayAlias = aliasRule(kept);
  const inPlace = [...graph.inPlace].filter(([output, leaf]) => mayAlias(`out:${output}`, `in:${leaf}`));
  const aliased = new Set(inPlace.map(([output]) => output));
  const known = (): Map<string, OnnxType> => new Map([...names].map(([{ type }, name]) => [rename(name), typed(type)]));
  return {
    model,
    hostFills: fills.filter(({ name }) => used.has(name)),
    aliased,
    types: () => valueTypes(model, known()),
  };
}

const typed = (type: Value['type']): OnnxType => ({
  dtype: type.dtype,
  shape: type.shape,
});

interface Context {
  /** The op of the graph that is lowered now, and its place. */
  origin: string;
  readonly emit: GraphEmitter;
  readonly names: Map<Value, string>;
  readonly fills: HostFill[];
  /** Values that are written over a leaf. */
  readonly overwrites: Map<Value, string>;
  /** Whether anything reads a value; true of values that a decomposition made. */
  readonly isRead: (value: Value) => boolean;
}

function readerOf(graph: Graph): (value: Value) => boolean {
  const own = new Set(graph.nodes);
  const read = new Set([...graph.outputs.values(), ...graph.nodes.flatMap(({ inputs }) => inputs)]);
  return (value) => !own.has(value.node) || read.has(value);
}

/** Lowers a node whose inputs are lowered. */
function lowerInto(node: Node, context: Context): void {
  const { names } = context;
  if (node.outputs.every((output) => names.has(output))) return;
  if (isLeaf(node)) throw new RangeError(`Expected a leaf of the graph but found ${leafAttrs(node).name}`);
  lowerNode(node, context).forEach((name, index) => {
    const output = node.outputs[index];
    if (output) names.set(output, name);
  });
}

function lowerValue(value: Value, context: Context): string {
  const { names } = context;
  const lowered = (node: Node): boolean => node.outputs.every((output) => names.has(output));
  for (const node of topologicalOrder([value], lowered)) lowerInto(node, context);
  return nameOf(names, value);
}

function nameOf(names: ReadonlyMap<Value, string>, value: Value): string {
  const name = names.get(value);
  if (name === undefined) throw new RangeError(`Expected a lowered value of ${value.node.op.name} but found none`);
  return name;
}

/** Whether the outputs that the lowering writes in place are in place in this graph. */
function inPlaceHolds(node: Node, { overwrites }: Context): boolean {
  return Object.entries(node.op.onnxInPlace ?? {}).every(([output, input]) => {
    const leaf = node.inputs[input];
    return leaf && isLeaf(leaf.node) && overwrites.get(at(node.outputs, Number(output))) === leafAttrs(leaf.node).name;
  });
}

/** The first of the op's lowerings that the target can run; else why not, undefined where it has none. */
function ownLowering(node: Node, context: Context): readonly string[] | string | undefined {
  const { op, attrs } = node;
  if (!inPlaceHolds(node, context)) return undefined;
  const inputs = node.inputs.map((input) => input && nameOf(context.names, input));
  const inputTypes = node.inputs.map((input) => input?.type ?? null);
  const outputTypes = node.outputs.map((output) => output.type);
  const view = { attrs, inputTypes, outputTypes, used: node.outputs.map(context.isRead) };
  let refusal: string | undefined;
  for (const way of ['onnx', 'onnxPlain'] as const) {
    try {
      const names = op[way]?.(context.emit, inputs, view);
      if (names) return names;
    } catch (error) {
      // What was emitted before has no reader and vanishes.
      if (!(error instanceof RefusedOperator)) throw error;
      refusal ??= error.message;
    }
  }
  return refusal;
}

function lowerNode(node: Node, context: Context): readonly string[] {
  const { fills } = context;
  const { op, attrs } = node;
  const own = ownLowering(node, context);
  if (own !== undefined && typeof own !== 'string') return own;
  if (op.decompose) return op.decompose(node.inputs, attrs).map((part) => lowerValue(part, context));
  if (op.host) {
    const leaves = node.inputs.map((input) => {
      if (!input || !isLeaf(input.node))
        throw new TypeError(`${op.name}: expected fed leaves as inputs on ONNX Runtime but found a computed value`);
      return leafAttrs(input.node).name;
    });
    const key = `host:${op.name}:${leaves.join()}:${JSON.stringify(attrs)}`;
    if (!fills.some(({ name }) => name === key)) fills.push({ name: key, value: at(node.outputs, 0), leaves });
    return [key];
  }
  throw new TypeError(`${opIn(op.name, context.origin)}: ${own ?? 'it has no ONNX lowering and no decomposition'}`);
}

/** Gives each output its own name: the producing node is renamed, or the value copied where that cannot be. */
function nameOutputs(
  emit: GraphEmitter,
  graph: Graph,
  outputs: ReadonlyMap<string, string>,
): { nodes: OnnxNode[]; produced: Map<string, string>; rename: (name: string) => string } {
  const producers = new Set(emit.emitted.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  const produced = new Map<string, string>();
  for (const [name, { type }] of graph.outputs) {
    const source = outputs.get(name) ?? '';
    const target = `out:${name}`;
    produced.set(name, target);
    if (producers.has(source) && !renamed.has(source)) renamed.set(source, target);
    else copies.push(...copyOf(type.dtype, source, target));
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  const nodes = [...emit.emitted, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
  return { nodes, produced, rename };
}

/** Nodes that copy a value; a bool is negated twice, for not every provider copies bools. */
function copyOf(dtype: string, source: string, target: string): OnnxNode[] {
  if (dtype !== 'bool') return [{ opType: 'Identity', inputs: [source], outputs: [target] }];
  const between = `not:${target}`;
  return [
    { opType: 'Not', inputs: [source], outputs: [between] },
    { opType: 'Not', inputs: [between], outputs: [target] },
  ];
}

/** Operators none of whose outputs may be left out. */
const completeOperators: ReadonlySet<string> = new Set(['Split', 'TopK']);

/** The nodes that some output needs, in their order, without trailing outputs that nothing reads and that may be left out. */
function prune(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  const needed = new Set(outputs);
  const kept: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    const last = node.outputs.findLastIndex((output) => needed.has(output));
    kept.push(completeOperators.has(node.opType) ? node : { ...node, outputs: node.outputs.slice(0, last + 1) });
  }
  return kept.toReversed();
}
