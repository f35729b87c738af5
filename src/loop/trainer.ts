import type { Batch } from '../data/batches.ts';
import type { Window } from '../data/cursor.ts';
import { randomKey } from '../ir/random.ts';
import { at } from '../ir/graph.ts';
import { sizeOf } from '../ir/types.ts';
import type { Model } from '../nn/model.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { Program, Tensors } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';
import type { AttachedAdapter, LoadedModel } from './model.ts';
import { dropoutFeeds } from './feeds.ts';
import { gradientName, updateGraph, updateLeaves } from './programs.ts';
import type { Task } from './task.ts';

export interface StepOutcome {
  /** Mean over the supervised tokens of the window. */
  readonly loss: number;
  /** Over all trained parameters, before clipping. */
  readonly gradNorm: number;
}

/** Trains the adapter of a loaded model, one window of micro-batches at a time. */
export interface Trainer {
  /** Steps done. */
  readonly step: () => number;
  /**
   * Loss and gradients over a window, then one update. Throws Error naming the step and the input lines when a loss or
   * norm is NaN or infinite; the weights are then those of the step before.
   */
  run(window: Window, learningRate: number): Promise<StepOutcome>;
  /** Optimizer state by slot and parameter, as views: save before the next step. */
  state(): Promise<{ readonly step: number; readonly slots: ReadonlyMap<string, Float32Array> }>;
  /** Takes up a saved state; RangeError naming a slot that is missing or of another size. */
  restore(step: number, slots: ReadonlyMap<string, Float32Array>): Promise<void>;
}

export interface TrainerOptions {
  readonly attached: AttachedAdapter;
  readonly task: Pick<Task, 'trainGraph' | 'feeds' | 'packed'>;
  readonly optimizer: Optimizer;
  readonly seed: number;
  /** Gradient checkpointing: less memory, one more forward pass. */
  readonly recompute: boolean;
}

const slotKey = (slot: string, parameter: string): string => `${slot}.${parameter}`;

export async function makeTrainer(loaded: LoadedModel<Model>, options: TrainerOptions): Promise<Trainer> {
  const { store, programs } = loaded;
  const { attached, task, optimizer, seed, recompute } = options;
  const { adapter, weights } = attached;
  const { rule } = optimizer;
  const group = (name: string, rename: (parameter: string) => string) =>
    store.allocate(
      name,
      adapter.parameters.map((parameter) => ({ name: rename(parameter.name), shape: parameter.shape })),
    );
  const gradients = group(updateLeaves.gradients, gradientName);
  const slots = new Map(
    rule.slots.map((slot) => [slot, group(updateLeaves.slot(slot), (parameter) => slotKey(slot, parameter))]),
  );
  const targets: Record<string, Tensors[string]> = {};
  for (const [index, { name, shape }] of adapter.parameters.entries()) {
    targets[gradientName(name)] = { dtype: 'f32', shape, data: await at(gradients.members, index).f32() };
  }
  const update = await loaded.engine.load(updateGraph(optimizer, sizeOf(weights.flat.shape), 1));
  update.bind(updateLeaves.params, weights.flat);
  update.bind(updateLeaves.gradients, gradients.flat);
  for (const [slot, { flat }] of slots) update.bind(updateLeaves.slot(slot), flat);
  let done = 0;

  const programFor = (batch: Batch, accumulate: boolean): Promise<Program> => {
    const shape = { batch: batch.batch, length: batch.length, packed: task.packed };
    const key = `train ${JSON.stringify(shape)} ${accumulate}`;
    return programs.get(key, () => task.trainGraph(adapter, shape, { accumulate, recompute }));
  };

  const describe = (window: Window): string => {
    const lines = window.batches.flatMap(({ rowIndexes }) => rowIndexes.flat()).map((index) => index + 1);
    return `step ${done + 1}, input lines ${lines.slice(0, 8).join(', ')}${lines.length > 8 ? ', …' : ''}`;
  };

  const run = async (window: Window, learningRate: number): Promise<StepOutcome> => {
    const normalizer = tensor('f32', [], [1 / window.supervisedTokens]);
    const key = randomKey(seed, 'dropout', done + 1);
    let loss = 0;
    for (const [index, batch] of window.batches.entries()) {
      const accumulate = index > 0;
      const program = await programFor(batch, accumulate);
      const drops = adapter.drops ? dropoutFeeds(batch, key) : {};
      const outputs = await program.run(
        { ...task.feeds(batch, program.graph), ...drops, normalizer },
        accumulate ? {} : { outputs: targets },
      );
      loss += outputs['loss']?.data[0] ?? Number.NaN;
      if (!Number.isFinite(loss)) throw new Error(`Expected a finite loss but found ${loss} in ${describe(window)}`);
    }
    const gradNorm = normOf(await gradients.flat.f32());
    if (!Number.isFinite(gradNorm))
      throw new Error(`Expected finite gradients but found a norm of ${gradNorm} in ${describe(window)}`);
    const scalars = Object.entries(rule.scalars(done + 1, learningRate)).map(
      ([name, value]) => [name, tensor('f32', [], [value])] as const,
    );
    await update.run(Object.fromEntries(scalars));
    done++;
    return { loss, gradNorm };
  };

  return {
    step: () => done,
    run,
    state: async () => {
      const values = new Map<string, Float32Array>();
      for (const { members } of slots.values())
        for (const member of members) values.set(member.name, await member.f32());
      return { step: done, slots: values };
    },
    restore: async (step, values) => {
      for (const { members, flat } of slots.values()) {
        for (const member of members) {
          const saved = values.get(member.name);
          const own = await member.f32();
          if (saved?.length !== own.length) {
            throw new RangeError(
              `Expected ${own.length} values of optimizer state ${member.name} but found ${saved?.length ?? 'none'}`,
            );
          }
          own.set(saved);
        }
        flat.touch();
      }
      done = step;
    },
  };
}

/** ‖g‖ in f64; NaN and infinity come through. */
function normOf(values: Float32Array): number {
  let total = 0;
  // By index: walking a typed array's iterator takes fifteen times as long.
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    total += value * value;
  }
  return Math.sqrt(total);
}
