import { at, buildGraph, type Graph, input, parameter, type Value } from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';

/** Names of the leaves of an update program, beside the rule's scalars; part i of the vectors it updates. */
export const updateLeaves = {
  params: (part: number): string => `params ${part}`,
  gradients: (part: number): string => `gradients ${part}`,
  slot: (name: string, part: number): string => `slot ${name} ${part}`,
  /** Output of what a transform measured. */
  metric: (name: string): string => `metric ${name}`,
} as const;

/** Trained parameters that are updated as one flat vector, or one in its own shape. */
export interface UpdatePart {
  /** Of a vector its elements, with the gaps between parameters. */
  readonly shape: Shape;
  readonly decays: boolean;
}

/** One optimizer step over all parts, in place. */
export function updateGraph({ transforms, rule }: Optimizer, parts: readonly UpdatePart[]): Graph {
  const leaves = (nameOf: (part: number) => string, slot?: string): Value[] =>
    parts.map(({ shape }, part) =>
      parameter(nameOf(part), slot === undefined ? shape : (rule.slotShape?.(slot, shape) ?? shape)),
    );
  let current: readonly Value[] = leaves(updateLeaves.gradients);
  const outputs: Record<string, Value> = {};
  for (const transform of transforms) {
    const { gradients: transformed, metrics } = transform.apply(current);
    current = transformed;
    for (const [name, value] of Object.entries(metrics)) outputs[updateLeaves.metric(name)] = value;
  }
  const scalars = Object.fromEntries(Object.keys(rule.scalars(1, 1)).map((name) => [name, input(name, 'f32', [])]));
  const slots = Object.fromEntries(
    rule.slots.map((name) => [name, leaves((part) => updateLeaves.slot(name, part), name)]),
  );
  const decays = parts.map((part) => part.decays);
  const result = rule.apply({ params: leaves(updateLeaves.params), gradients: current, slots, scalars, decays });
  const inPlace: Record<string, string> = {};
  const write = (leaf: string, value: Value): void => {
    outputs[`new ${leaf}`] = value;
    inPlace[`new ${leaf}`] = leaf;
  };
  parts.forEach((_, part) => {
    write(updateLeaves.params(part), at(result.params, part));
    for (const name of rule.slots) write(updateLeaves.slot(name, part), at(result.slots[name] ?? [], part));
  });
  return buildGraph(outputs, { inPlace });
}
