import { sameShape, type Shape, sizeOf } from '../../ir/types.ts';
import { immediateOf, type Ref, type Storage } from './ref.ts';
import type { ChainStep, ElementwiseStep, PlannedStep, Step } from './step.ts';

const mostMembers = 40;
const mostOperands = 16;
/** What the kernel has: one each for what a chain reads, immediates included, and at most one for each member. */
const mostRegisters = 64;
/** A chain is joined for a common operand only where it ends so few steps before. */
const nearby = 24;

interface Chain {
  shape: Shape;
  /** No operand is broadcast along some axes only, so that the number of elements is all that matters. */
  flat: boolean;
  members: { readonly step: ElementwiseStep; readonly index: number }[];
  readonly operands: Set<Storage>;
  /** What is read from outside, immediates included, by the refs' ids. */
  readonly read: Set<number>;
  /** False once a step outside reads a member: the chain cannot end behind that step, and keeps its place. */
  open: boolean;
  /** The last member's place among the steps, which is the chain's. */
  end: number;
  mergedInto: Chain | undefined;
}

/** Each element of the ref is read for the output's element of the same place in memory. */
const aligned = ({ type, offset, uniform }: Ref, shape: Shape): boolean =>
  !uniform && offset === 0 && sizeOf(type.shape) === sizeOf(shape);

/**
 * Joins elementwise steps into chains, each one pass over memory. A chain stands where its last member stood; once another step
 * reads a member it stays there, and takes only what could have been computed there, so no value is read before it is written.
 */
export function fuse(steps: readonly Step[]): PlannedStep[] {
  const writers = new Map<Storage, Chain>();
  const kernels = new Map<Storage, number>();
  const readers = new Map<Storage, Chain[]>();
  const chains = new Set<Chain>();

  const current = (chain: Chain | undefined): Chain | undefined => {
    let last = chain;
    while (last?.mergedInto) last = last.mergedInto;
    return last;
  };
  const writerOf = (storage: Storage): Chain | undefined => current(writers.get(storage));
  const sources = (step: Step): Storage[] => step.inputs.flatMap((ref) => (ref ? [ref.storage, ...ref.after] : []));

  const isFlat = ({ inputs, outputs: [y] }: ElementwiseStep): boolean =>
    inputs.every(
      (ref) =>
        immediateOf(ref) !== undefined ||
        sizeOf(ref.type.shape) === 1 ||
        sizeOf(ref.type.shape) === sizeOf(y.type.shape),
    );
  const compatible = (a: Chain, shape: Shape, flat: boolean): boolean =>
    sameShape(a.shape, shape) || (sizeOf(a.shape) === sizeOf(shape) && (a.flat || flat));

  /** Whether a value is there for a chain that keeps its place. */
  const isThere = (storage: Storage, chain: Chain): boolean => {
    const writer = writerOf(storage);
    if (writer) return writer === chain || (!writer.open && writer.end < chain.end);
    return storage.kind !== 'arena' || (kernels.get(storage) ?? chain.end) < chain.end;
  };
  const takes = (chain: Chain, step: ElementwiseStep, flat: boolean, index: number): boolean => {
    const { shape } = step.outputs[0].type;
    if (!chain.open && !(chain.end > index - nearby && sources(step).every((storage) => isThere(storage, chain))))
      return false;
    if (chain.members.length >= mostMembers || chain.operands.size >= mostOperands) return false;
    if (chain.read.size + chain.members.length + step.inputs.length >= mostRegisters) return false;
    if (!compatible(chain, shape, flat)) return false;
    return step.inputs.every(
      (ref) =>
        (writerOf(ref.storage) !== chain || aligned(ref, shape)) &&
        ref.after.every((storage) => writerOf(storage) !== chain),
    );
  };
  const merges = (a: Chain, b: Chain): boolean =>
    a.open &&
    b.open &&
    compatible(a, b.shape, b.flat) &&
    a.members.length + b.members.length < mostMembers &&
    a.read.size + b.read.size + a.members.length + b.members.length + 3 < mostRegisters &&
    a.operands.size + b.operands.size < mostOperands;

  /** The chain that takes a step: one that writes what it reads, then one that reads the same. */
  const choose = (step: ElementwiseStep, flat: boolean, index: number): Chain => {
    const made = step.inputs.flatMap(({ storage }) => writerOf(storage) ?? []);
    const beside = step.inputs
      .flatMap((ref) => (immediateOf(ref) === undefined ? (readers.get(ref.storage) ?? []) : []))
      .flatMap((chain) => current(chain) ?? [])
      .filter(({ end }) => end > index - nearby);
    const chosen = [...made, ...beside].find((chain) => takes(chain, step, flat, index));
    if (!chosen) {
      const fresh: Chain = {
        shape: step.outputs[0].type.shape,
        flat,
        members: [],
        operands: new Set(),
        read: new Set(),
        open: true,
        end: index,
        mergedInto: undefined,
      };
      chains.add(fresh);
      return fresh;
    }
    for (const other of new Set(made)) {
      if (other === chosen || !takes(other, step, flat, index) || !merges(chosen, other)) continue;
      adopt(chosen, other.shape, other.flat);
      chosen.members.push(...other.members);
      for (const storage of other.operands) chosen.operands.add(storage);
      for (const id of other.read) chosen.read.add(id);
      other.mergedInto = chosen;
      chains.delete(other);
    }
    return chosen;
  };
  const adopt = (chain: Chain, shape: Shape, flat: boolean): void => {
    if (chain.flat && !flat) chain.shape = shape;
    chain.flat &&= flat;
  };

  const kept: { readonly step: PlannedStep; readonly index: number }[] = [];
  steps.forEach((step, index) => {
    const chain = step.kind === 'elementwise' ? choose(step, isFlat(step), index) : undefined;
    for (const storage of sources(step)) {
      const writer = writerOf(storage);
      if (writer && writer !== chain) writer.open = false;
    }
    if (step.kind === 'kernel') {
      kept.push({ step, index });
      for (const { storage } of step.outputs) kernels.set(storage, index);
    }
    if (!chain || step.kind === 'kernel') return;
    adopt(chain, step.outputs[0].type.shape, isFlat(step));
    chain.members.push({ step, index });
    if (chain.open) chain.end = index;
    for (const ref of step.inputs) {
      if (writerOf(ref.storage) === chain) continue;
      chain.read.add(ref.id);
      if (immediateOf(ref) !== undefined) continue;
      chain.operands.add(ref.storage);
      readers.set(ref.storage, [...(readers.get(ref.storage) ?? []), chain]);
    }
    writers.set(step.outputs[0].storage, chain);
  });
  const joined = [...chains].map((chain) => ({ step: chainStep(chain), index: chain.end }));
  return [...kept, ...joined].toSorted((a, b) => a.index - b.index).map(({ step }) => step);
}

function chainStep({ shape, members }: Chain): ChainStep {
  const steps = members.toSorted((a, b) => a.index - b.index).map(({ step }) => step);
  const written = new Set(steps.map(({ outputs: [y] }) => y.storage));
  const inputs = new Map<number, Ref>();
  for (const ref of steps.flatMap((step) => step.inputs)) if (!written.has(ref.storage)) inputs.set(ref.id, ref);
  return {
    kind: 'chain',
    shape,
    members: steps,
    inputs: [...inputs.values()],
    outputs: steps.map(({ outputs: [y] }) => y),
  };
}
