import { type Graph, isLeaf, leafAttrs, type Node, topologicalOrder, type Value } from '../../ir/graph.ts';
import { opIn, originsOf } from '../../ir/origins.ts';
import { foldAdditions } from './additions.ts';
import { type Arena, planArena } from './arena.ts';
import { builder, type Builder } from './builder.ts';
import { fuse } from './fuse.ts';
import { placeOutputs, type Target } from './outputs.ts';
import type { Ref, Storage } from './ref.ts';
import { NotCoveredError } from '../notCovered.ts';
import { rematerialize } from './rematerialize.ts';
import { rules } from './rules.ts';
import { schedule } from './schedule.ts';
import type { PlannedStep, Step } from './step.ts';

/** What a run needs, in memory that the caller hands in: first the graph's leaves, then its outputs. */
export interface Plan {
  readonly leaves: readonly string[];
  readonly outputs: readonly string[];
  readonly steps: readonly PlannedStep[];
  readonly arena: Arena;
  /** Values that lie in a leaf's or an output's memory: its place among the leaves and outputs. */
  readonly placed: ReadonlyMap<Storage, number>;
  /** Parameters that every step which reads them takes in bf16 too, and that none writes. */
  readonly narrow: readonly string[];
}

/** Values are computed a second time if the arena then takes at most this share. */
const worthwhile = 0.95;

/** Nodes that are lowered between two pauses. */
const stride = 256;

interface Context {
  /** The op of the graph that is lowered now, and its place. */
  origin: string;
  readonly build: Builder;
  readonly refs: Map<Value, Ref>;
}

function refOf({ refs }: Context, value: Value): Ref {
  const ref = refs.get(value);
  if (!ref) throw new RangeError(`Expected a lowered value of ${value.node.op.name} but found none`);
  return ref;
}

/** Lowers a node whose inputs are lowered. Throws NotCoveredError naming an op that has neither a rule nor a decomposition. */
function lowerNode(node: Node, context: Context): void {
  const { build, refs } = context;
  if (node.outputs.every((output) => refs.has(output))) return;
  if (isLeaf(node)) throw new RangeError(`Expected a leaf of the graph but found ${leafAttrs(node).name}`);
  const { op, attrs } = node;
  const inputs = node.inputs.map((input) => input && refOf(context, input));
  const outputTypes = node.outputs.map(({ type }) => type);
  const made =
    rules.get(op.name)?.({ build, inputs, attrs, outputTypes }) ??
    op.decompose?.(node.inputs, attrs).map((part) => lowerValue(part, context));
  if (!made)
    throw new NotCoveredError(`${opIn(op.name, context.origin)}: it has no native kernel and no decomposition`);
  node.outputs.forEach((output, index) => {
    const ref = made[index];
    if (ref) refs.set(output, ref);
  });
}

function lowerValue(value: Value, context: Context): Ref {
  const lowered = (node: Node): boolean => node.outputs.every((output) => context.refs.has(output));
  for (const node of topologicalOrder([value], lowered)) lowerNode(node, context);
  return refOf(context, value);
}

/** The steps that some output needs. */
function live<S extends Step | PlannedStep>(steps: readonly S[], outputs: ReadonlySet<Storage>): S[] {
  const needed = new Set(outputs);
  const kept: S[] = [];
  for (const step of steps.toReversed()) {
    if (!step.outputs.some(({ storage }) => needed.has(storage))) continue;
    for (const ref of step.inputs) if (ref) for (const storage of [ref.storage, ...ref.after]) needed.add(storage);
    kept.push(step);
  }
  return kept.toReversed();
}

/** Chains without the members that nothing needs. */
function liveMembers(steps: readonly PlannedStep[], outputs: ReadonlySet<Storage>): PlannedStep[] {
  const read = new Set(outputs);
  for (const step of steps) for (const ref of step.inputs) if (ref) read.add(ref.storage);
  return steps.map((step) => {
    if (step.kind !== 'chain') return step;
    const needed = new Set(read);
    const members = step.members
      .toReversed()
      .filter(({ inputs, outputs: [y] }) => {
        if (!needed.has(y.storage)) return false;
        for (const { storage } of inputs) needed.add(storage);
        return true;
      })
      .toReversed();
    const written = new Set(members.map(({ outputs: [y] }) => y.storage));
    const used = new Set(members.flatMap(({ inputs }) => inputs));
    return {
      ...step,
      members,
      inputs: step.inputs.filter((ref) => used.has(ref) && !written.has(ref.storage)),
      // What only members read needs no memory.
      outputs: members.map(({ outputs: [y] }) => y).filter(({ storage }) => read.has(storage)),
    };
  });
}

/** Leaves that are only read, and only where a kernel takes bf16 too. */
function narrowLeaves(
  graph: Graph,
  steps: readonly PlannedStep[],
  placed: ReadonlyMap<Storage, number>,
): readonly string[] {
  const others = new Set(placed.values());
  const leafOf = (ref: Ref | null): number | undefined => (ref?.storage.kind === 'leaf' ? ref.storage.leaf : undefined);
  for (const step of steps) {
    const takes = step.kind === 'kernel' ? step.narrow : [];
    const refs = [...step.inputs.filter((_, index) => !takes.includes(index)), ...step.outputs];
    for (const leaf of refs.map(leafOf)) if (leaf !== undefined) others.add(leaf);
  }
  return graph.leaves.flatMap(({ name, kind, type }, leaf) =>
    kind === 'parameter' && type.dtype === 'f32' && !others.has(leaf) ? [name] : [],
  );
}

/** Chains made, what nothing needs left out, and the rest put in order. */
const arranged = (steps: readonly Step[], wanted: ReadonlySet<Storage>): PlannedStep[] =>
  schedule(liveMembers(live(fuse(steps), wanted), wanted), wanted);

const unfused = (step: PlannedStep): readonly Step[] => (step.kind === 'chain' ? step.members : [step]);

/**
 * A graph as calls of kernels over planned memory. `pause` is awaited every few milliseconds, so that others may run.
 * Throws NotCoveredError naming an op that has neither a kernel nor a decomposition.
 */
export async function planGraph(graph: Graph, pause: () => Promise<unknown> = async () => {}): Promise<Plan> {
  const context: Context = { build: builder(), refs: new Map(), origin: '' };
  const { build, refs } = context;
  graph.leaves.forEach(({ value, type }, index) => refs.set(value, build.leaf(type, index)));
  const originOf = originsOf(graph);
  for (const [index, node] of graph.nodes.entries()) {
    context.origin = originOf(node);
    build.origin(context.origin);
    lowerNode(node, context);
    if (index % stride === stride - 1) await pause();
  }
  const targets = [...graph.outputs].map(([name, value], index): Target => {
    const leaf = graph.inPlace.get(name);
    return {
      name,
      ref: refOf(context, value),
      place: graph.leaves.length + index,
      over: leaf === undefined ? undefined : graph.leaves.findIndex((candidate) => candidate.name === leaf),
    };
  });
  const wanted = new Set(targets.map(({ ref }) => ref.storage));
  const once = arranged(foldAdditions(live(build.steps, wanted), wanted), wanted);
  await pause();
  const repeated = rematerialize(once.flatMap(unfused), wanted, build);
  const again = repeated && arranged(repeated, wanted);
  const ordered = again && planArena(again, wanted).bytes < worthwhile * planArena(once, wanted).bytes ? again : once;
  await pause();
  const { steps, placed } = placeOutputs(ordered, targets);
  const arena = planArena(steps, new Set(placed.keys()));
  return {
    leaves: graph.leaves.map(({ name }) => name),
    outputs: [...graph.outputs.keys()],
    steps,
    arena,
    placed,
    narrow: narrowLeaves(graph, steps, placed),
  };
}
