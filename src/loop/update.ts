import { at } from '../ir/graph.ts';
import { isFlat, type Optimizer } from '../optimizers/optimizer.ts';
import type { WeightGroup, WeightHandle } from '../runtime/weights.ts';
import type { Task } from './task.ts';

/** One entry of a step: what is minimised, by which parameters and how. A step carries out its updates in their order. */
export interface Update {
  /** Unique in a run; names its figures and its state. */
  readonly name: string;
  /** The loss: how it is computed from a batch. */
  readonly task: Pick<Task, 'trainGraph' | 'feeds' | 'packed'>;
  /** Which of the trained parameters; all unless given. No parameter belongs to two updates. */
  readonly parameters?: (name: string) => boolean;
  readonly optimizer: Optimizer;
  /** Learning rate of the step after `step` steps. */
  readonly learningRate: (step: number) => number;
  /** Steps from one time to the next; 1 unless given. */
  readonly every?: number;
}

/** Neighbours among trained parameters that are updated as one vector, or one parameter in its own shape. */
export interface Part {
  /** Members of the group from one to before another. */
  readonly from: number;
  readonly to: number;
  readonly decays: boolean;
}

/** The parts of a group that an update trains: runs of neighbours that weight decay treats alike, or single parameters where the optimizer looks at each. */
export function partsOf(
  { members }: WeightGroup,
  update: Pick<Update, 'name' | 'parameters' | 'optimizer'>,
  decays: (name: string) => boolean,
): Part[] {
  const parts: Part[] = [];
  members.forEach(({ name }, index) => {
    if (update.parameters?.(name) === false) return;
    const last = parts.at(-1);
    const joins = isFlat(update.optimizer) && last?.to === index && last.decays === decays(name);
    if (joins) parts[parts.length - 1] = { ...last, to: index + 1 };
    else parts.push({ from: index, to: index + 1, decays: decays(name) });
  });
  if (parts.length === 0) throw new RangeError(`Expected trained parameters of update ${update.name} but found none`);
  return parts;
}

/** A part of a group as its programs see it. */
export function partHandle(
  group: WeightGroup,
  { from, to }: Pick<Part, 'from' | 'to'>,
  optimizer: Optimizer,
): WeightHandle {
  return isFlat(optimizer) ? group.span(from, to) : at(group.members, from);
}

/** The members of parts. */
export function membersOf({ members }: WeightGroup, parts: readonly Part[]): readonly WeightHandle[] {
  return parts.flatMap(({ from, to }) => members.slice(from, to));
}

/** Throws RangeError on a name that two updates have, on a parameter that two of them train or none does, and on a first one that is not due at every step. */
export function checkUpdates(updates: readonly Update[], names: readonly string[]): void {
  const [first] = updates;
  if ((first?.every ?? 1) !== 1)
    throw new RangeError(`Expected the first update at every step but found every ${first?.every}`);
  const uneven = updates.find(({ every = 1 }) => !Number.isSafeInteger(every) || every < 1);
  if (uneven) throw new RangeError(`Expected a whole number of steps for ${uneven.name} but found ${uneven.every}`);
  const twice = updates.find(({ name }, index) => updates.findIndex((other) => other.name === name) < index);
  if (twice) throw new RangeError(`Expected updates of different names but found ${twice.name} twice`);
  for (const name of names) {
    const owners = updates.filter(({ parameters }) => parameters?.(name) !== false);
    if (owners.length !== 1) {
      const found = owners.length === 0 ? 'none' : owners.map((owner) => owner.name).join(' and ');
      throw new RangeError(`Expected one update of ${name} but found ${found}`);
    }
  }
}
