import { at, type Graph } from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';
import type { Program, Tensors } from '../runtime/engine.ts';
import type { WeightGroup, WeightHandle } from '../runtime/weights.ts';
import { bindGradients, squaresGraph } from './gradientNorm.ts';
import { gradientName } from './programs.ts';
import type { AdapterWeights, ReadyModel } from './readyModel.ts';
import { membersOf, type Part, partHandle, partsOf, type Update } from './update.ts';
import { updateGraph, updateLeaves } from './updatePrograms.ts';

/** What an update works on, before it has memory. */
export interface UpdateLayout {
  readonly parts: readonly Part[];
  readonly members: readonly WeightHandle[];
  /** Names and shapes of each of the optimizer's slots. */
  readonly slots: readonly (readonly { readonly name: string; readonly shape: Shape }[])[];
  /** The step of the optimizer. */
  graph(): Graph;
  /** What the norm of the gradients comes from. */
  squaresGraph(): Graph;
}

/** Lays out the trained parameters of an update. */
export function layUpdate(update: Update, { weights, adapter }: AdapterWeights): UpdateLayout {
  const decayed = new Map(adapter.parameters.map(({ name, decays }) => [name, decays]));
  const parts = partsOf(weights, update, (name) => decayed.get(name) ?? true);
  const members = membersOf(weights, parts);
  const { optimizer } = update;
  const { slots, slotShape } = optimizer.rule;
  const shapes = parts.map((part) => partHandle(weights, part, optimizer).shape);
  return {
    parts,
    members,
    slots: slots.map((slot) =>
      members.map(({ name, shape }) => ({ name: `${slot}.${name}`, shape: slotShape?.(slot, shape) ?? shape })),
    ),
    graph: () =>
      updateGraph(
        optimizer,
        parts.map(({ decays }, index) => ({ shape: at(shapes, index), decays })),
      ),
    squaresGraph: () => squaresGraph(shapes),
  };
}

/** An update with its memory and its programs. */
export interface Prepared {
  readonly update: Update;
  readonly parameters: readonly string[];
  readonly gradients: readonly WeightHandle[];
  /** Where a first micro-batch writes its gradients. */
  readonly targets: Tensors;
  readonly slots: readonly WeightGroup[];
  readonly squares: Program;
  readonly program: Program;
}

interface Memory {
  readonly programs: ReadyModel['programs'];
  readonly store: ReadyModel['store'];
  readonly attached: AdapterWeights;
  readonly gradients: WeightGroup;
}

/** Gives an update its memory, and compiles its step. */
export async function prepareUpdate(
  update: Update,
  { programs, store, attached, gradients }: Memory,
): Promise<Prepared> {
  const { parts, members, slots: named, ...graphs } = layUpdate(update, attached);
  const { optimizer } = update;
  const slotNames = optimizer.rule.slots;
  const slots = named.map((own, index) => store.allocate(`${at(slotNames, index)} of ${update.name}`, own));
  const handles = (group: WeightGroup): WeightHandle[] => parts.map((part) => partHandle(group, part, optimizer));
  const params = handles(attached.weights);
  const program = await programs.keep(graphs.graph());
  const due = handles(gradients);
  const squares = bindGradients(await programs.keep(graphs.squaresGraph()), due);
  let start = 0;
  parts.forEach(({ from, to }, part) => {
    program.bind(updateLeaves.params(part), at(params, part));
    program.bind(updateLeaves.gradients(part), at(due, part));
    // Slots hold the members of this update alone.
    const own = { from: start, to: start + to - from };
    slotNames.forEach((slot, index) =>
      program.bind(updateLeaves.slot(slot, part), partHandle(at(slots, index), own, optimizer)),
    );
    start += to - from;
  });
  const targets: Record<string, Tensors[string]> = {};
  for (const { name, shape } of members)
    targets[gradientName(name)] = { dtype: 'f32', shape, data: await store.get(gradientName(name)).f32() };
  return { update, parameters: members.map(({ name }) => name), gradients: due, targets, slots, squares, program };
}
