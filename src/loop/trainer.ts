import type { BetweenSteps } from '../adapters/adapter.ts';
import type { Batch } from '../data/batches.ts';
import type { Window } from '../data/cursor.ts';
import { at, type Graph } from '../ir/graph.ts';
import { randomKey } from '../ir/random.ts';
import type { Model } from '../nn/model.ts';
import type { Program, Tensors } from '../runtime/engine.ts';
import { runHere } from '../runtime/linalg/job.ts';
import { linearAlgebra } from '../runtime/linalg/service.ts';
import { tensor } from '../runtime/tensor.ts';
import { dropoutFeeds } from './feeds.ts';
import { gradientNorm } from './gradientNorm.ts';
import type { AdapterWeights, ReadyModel } from './readyModel.ts';
import { type Prepared, prepareUpdate } from './preparedUpdate.ts';
import { emissionNames, gradientName, type TokenShape } from './programs.ts';
import { savedSteps, type Stateful } from './stateful.ts';
import { explainBatches } from './explainBatches.ts';
import { checkUpdates, type Update } from './update.ts';
import { updateLeaves } from './updatePrograms.ts';
import { weightState } from './weightState.ts';

/** What one update of a step came to. */
export interface UpdateOutcome {
  /** What is minimised: the mean over the supervised tokens of the window, and the terms that the adapter adds. */
  readonly loss: number;
  /** Over the parameters of the update, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
}

export interface StepOutcome extends UpdateOutcome {
  /** Losses that the adapter adds, by name and without their weight. */
  readonly terms: Readonly<Record<string, number>>;
  /** What the adapter tells of itself, by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The further updates that were due, by name. */
  readonly updates: Readonly<Record<string, UpdateOutcome>>;
  /** Tokens that were computed, where those are not the window's. */
  readonly tokens?: number;
}

/** Trains the adapter of a loaded model, one window of micro-batches at a time. */
export interface Trainer {
  /** Steps done. */
  readonly step: () => number;
  /**
   * For each update that is due: loss and gradients over a window, then the new values. Throws Error naming the step and
   * the input lines when a loss or norm is NaN or infinite; the weights are then those before that update.
   */
  run(window: Window): Promise<StepOutcome>;
  /** Milliseconds of a forward and backward pass, which changes nothing; undefined where passes change the adapter's state. */
  time(batch: Batch): Promise<number | undefined>;
  /** What goes into checkpoints beside the trained values: steps, optimizers, the adapter's states. */
  readonly units: readonly Stateful[];
}

export interface TrainerOptions {
  readonly attached: AdapterWeights;
  /** The first one's figures are the step's; it is due at every step. */
  readonly updates: readonly [Update, ...Update[]];
  readonly seed: number;
  /** Steps of the whole run, for adapters that change on the way. */
  readonly steps?: number;
  /** Gradient checkpointing: less memory, one more forward pass. */
  readonly recompute: boolean;
}

/** Sums what programs put out under names that start alike. */
function collect(into: Record<string, number>, outputs: Tensors, nameOf: (name: string) => string): void {
  const prefix = nameOf('');
  for (const [name, { data }] of Object.entries(outputs)) {
    if (!name.startsWith(prefix)) continue;
    const key = name.slice(prefix.length);
    into[key] = (into[key] ?? 0) + (data[0] ?? Number.NaN);
  }
}

export async function makeTrainer(loaded: ReadyModel<Model>, options: TrainerOptions): Promise<Trainer> {
  const { store, programs, engine } = loaded;
  const { attached, updates, seed, recompute, steps = 0 } = options;
  const { adapter, weights, states } = attached;
  checkUpdates(
    updates,
    weights.members.map(({ name }) => name),
  );
  const gradients = store.allocate(
    'gradients',
    weights.members.map(({ name, shape }) => ({ name: gradientName(name), shape })),
  );
  const prepared: Prepared[] = [];
  for (const update of updates) prepared.push(await prepareUpdate(update, { programs, store, attached, gradients }));
  let done = 0;
  /** Steps done when the optimizers were last cleared. */
  let clearedAt = 0;

  const shapeOf = ({ update }: Prepared, { batch, length }: Batch): TokenShape => ({
    batch,
    length,
    packed: update.task.packed,
  });

  const programFor = (each: Prepared, batch: Batch, accumulate: boolean): Promise<Program> => {
    const { update, parameters } = each;
    const shape = shapeOf(each, batch);
    const key = `train ${update.name} ${JSON.stringify(shape)} ${accumulate}`;
    const first = update === updates[0];
    const choices = { accumulate, recompute, parameters, states: first };
    return programs.get(key, () => update.task.trainGraph(adapter, shape, choices));
  };

  const feedsOf = (
    { update }: Prepared,
    window: Pick<Window, 'supervisedTokens'>,
    batch: Batch,
    graph: Graph,
  ): Tensors => ({
    ...(adapter.drops ? dropoutFeeds(batch, randomKey(seed, 'dropout', done + 1)) : {}),
    // Where a model's tokens are not the batch's ids, its task says which example each belongs to.
    ...update.task.feeds(batch, graph),
    normalizer: tensor('f32', [], [1 / window.supervisedTokens]),
  });

  const describe = (window: Window): string => {
    const lines = window.batches.flatMap(({ rowIndexes }) => rowIndexes.flat()).map((index) => index + 1);
    return `step ${done + 1}, input lines ${lines.slice(0, 8).join(', ')}${lines.length > 8 ? ', …' : ''}`;
  };

  /** An error that names the step, the input lines and what made the first value that is not finite. */
  const failure = async (what: string, each: Prepared, window: Window): Promise<Error> => {
    const { update, parameters } = each;
    const runs = window.batches.map((batch) => (checkpointed: boolean) => {
      const choices = { accumulate: false, recompute: checkpointed, parameters, states: false };
      const graph = update.task.trainGraph(adapter, shapeOf(each, batch), choices);
      return { graph, inputs: feedsOf(each, window, batch, graph), weight: store.get, main: 'loss' };
    });
    const explained = await explainBatches(engine, runs, recompute);
    return new Error(`Expected ${what} in ${describe(window)}: ${explained}`);
  };

  const carryOut = async (each: Prepared, window: Window): Promise<Omit<StepOutcome, 'updates'>> => {
    const [terms, metrics]: Record<string, number>[] = [{}, {}];
    let loss = 0;
    for (const [index, batch] of window.batches.entries()) {
      const accumulate = index > 0;
      const program = await programFor(each, batch, accumulate);
      const outputs = await program.run(
        feedsOf(each, window, batch, program.graph),
        accumulate ? {} : { outputs: each.targets },
      );
      loss += outputs['loss']?.data[0] ?? Number.NaN;
      if (!Number.isFinite(loss)) throw await failure(`a finite loss but found ${loss}`, each, window);
      collect(terms ?? {}, outputs, emissionNames.loss);
      collect(metrics ?? {}, outputs, emissionNames.metric);
    }
    const gradNorm = await gradientNorm(each.squares, each.gradients);
    if (!Number.isFinite(gradNorm))
      throw await failure(`finite gradients but found a norm of ${gradNorm}`, each, window);
    const { optimizer, learningRate: rateAt, every = 1 } = each.update;
    const learningRate = rateAt(done);
    const scalars = optimizer.rule.scalars(Math.floor((done - clearedAt) / every) + 1, learningRate);
    const found = await each.program.run(
      Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, tensor('f32', [], [value])])),
    );
    collect(metrics ?? {}, found, updateLeaves.metric);
    return { loss, gradNorm, learningRate, terms: terms ?? {}, metrics: metrics ?? {} };
  };

  /** Lets the adapter change values between steps; programs see the new ones. */
  const changed = async (change: (context: BetweenSteps) => Promise<void>): Promise<void> => {
    const base = (name: string): Promise<Float32Array> => store.get(name).read();
    await change({
      values: base,
      renew: async (name) => {
        const parameter = adapter.parameters.find((each) => each.name === name);
        if (!parameter) throw new RangeError(`Expected a trained tensor but found ${name}`);
        const linalg = linearAlgebra(runHere());
        const context = { key: randomKey(seed, name, done), random: engine.random, base, linalg };
        await parameter.initialize(await base(name), context);
      },
      resetOptimizers: async () => {
        for (const { slots } of prepared) {
          for (const { members, flat } of slots) {
            for (const { f32 } of members) (await f32()).fill(0);
            flat.touch();
          }
        }
        clearedAt = done;
      },
    });
    weights.flat.touch();
    states.flat.touch();
  };

  const run = async (window: Window): Promise<StepOutcome> => {
    const own = await carryOut(at(prepared, 0), window);
    const others: Record<string, UpdateOutcome> = {};
    for (const each of prepared.slice(1)) {
      if (done % (each.update.every ?? 1) !== 0) continue;
      const { loss, gradNorm, learningRate } = await carryOut(each, window);
      others[each.update.name] = { loss, gradNorm, learningRate };
    }
    done++;
    const change = done < steps ? adapter.betweenSteps?.(done, steps) : undefined;
    if (change) await changed(change);
    return { ...own, updates: others };
  };

  const time = async (batch: Batch): Promise<number | undefined> => {
    if (states.members.length > 0) return undefined;
    const first = at(prepared, 0);
    const program = await programFor(first, batch, false);
    const inputs = feedsOf(first, batch, batch, program.graph);
    const start = performance.now();
    await program.run(inputs, { outputs: first.targets });
    return performance.now() - start;
  };

  const progress: Stateful = {
    name: 'trainer',
    version: 1,
    save: async () => ({ data: { step: done, clearedAt } }),
    load: async ({ data }) => {
      const { step, clearedAt: cleared = 0 } = (data ?? {}) as {
        readonly step?: unknown;
        readonly clearedAt?: unknown;
      };
      [done, clearedAt] = [savedSteps(step), savedSteps(cleared)];
    },
  };
  const slots = prepared.flatMap((each) => each.slots);
  return {
    step: () => done,
    run,
    time,
    units: [progress, weightState('optimizer', slots), weightState('adapter-state', [states])],
  };
}
