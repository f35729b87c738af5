import type { Window } from '../data/cursor.ts';
import { isRecord } from '../hub/json.ts';
import { randomKey } from '../ir/random.ts';
import type { Model } from '../nn/model.ts';
import type { Perturbation, Strategy } from '../optimizers/strategy.ts';
import type { Engine } from '../runtime/engine.ts';
import type { AdapterWeights, ReadyModel } from './readyModel.ts';
import { savedSteps } from './stateful.ts';
import type { StepOutcome, Trainer } from './trainer.ts';

/** What a window came to with the weights as they are. */
export interface Score {
  /** Higher is better; null where there is none. */
  readonly score: number | null;
  /** Tokens that were read and written. */
  readonly tokens: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface EvolutionOptions {
  readonly attached: AdapterWeights;
  readonly strategy: Strategy;
  /** Learning rate of the step after `step` steps. */
  readonly learningRate: (step: number) => number;
  readonly score: (window: Window) => Promise<Score>;
  readonly seed: number;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Means of what was measured at each point, by name. */
function meansOf(metrics: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = [...new Set(metrics.flatMap((each) => Object.keys(each)))];
  return Object.fromEntries(names.map((name) => [name, meanOf(metrics.flatMap((each) => each[name] ?? []))]));
}

/**
 * Trains the adapter of a loaded model without gradients, by a strategy that asks for scores: the weights are moved to each point
 * in place and put back from a copy, bit for bit, and the noise is made anew for the update. TypeError on adapters that change
 * by themselves or drop.
 */
export function makeEvolution(
  { engine, store }: Pick<ReadyModel<Model>, 'store'> & { readonly engine: Pick<Engine, 'random'> },
  options: EvolutionOptions,
): Trainer {
  const { attached, strategy, learningRate: rateAt, score, seed } = options;
  const { adapter, weights } = attached;
  for (const [name, has] of [
    ['dropout', adapter.drops],
    ['changes between steps', adapter.betweenSteps !== undefined],
  ] as const)
    if (has)
      throw new TypeError(
        `optimizer.type: ${strategy.name} has no ${name}, which the adapter ${adapter.type} asks for`,
      );
  const copy = store.allocate('weights before a step', [{ name: 'copied weights', shape: weights.flat.shape }]);
  let done = 0;

  const addNoise = async ({ noise, scale }: Perturbation, step: number): Promise<void> => {
    for (const { name, f32 } of weights.members) {
      const stream = strategy.sharedNoise ? `noise ${noise}` : `noise ${noise} of ${name}`;
      await engine.random.addNormal(await f32(), randomKey(seed, stream, step), scale);
    }
  };

  const run = async (window: Window): Promise<StepOutcome> => {
    const [live, before] = [await weights.flat.f32(), await copy.flat.f32()];
    const step = done + 1;
    before.set(live);
    const restore = (): void => {
      live.set(before);
      weights.flat.touch();
    };
    const found: Score[] = [];
    try {
      for (const point of strategy.ask()) {
        await addNoise(point, step);
        weights.flat.touch();
        found.push(await score(window));
        restore();
      }
      const scores = found.flatMap((each) => each.score ?? []);
      if (scores.length === 0)
        throw new Error(`Expected a score in step ${step} but none of ${found.length} points has one`);
      live.fill(0);
      for (const direction of strategy.tell(found.map((each) => each.score))) await addNoise(direction, step);
      let squares = 0;
      for (let i = 0; i < live.length; i++) squares += (live[i] ?? 0) ** 2;
      const learningRate = rateAt(done);
      for (let i = 0; i < live.length; i++) live[i] = (before[i] ?? 0) + learningRate * (live[i] ?? 0);
      weights.flat.touch();
      done = step;
      const reward = meanOf(scores);
      const rewardStd = Math.sqrt(meanOf(scores.map((each) => (each - reward) ** 2)));
      const spread = { reward, rewardStd, rewardMin: Math.min(...scores), rewardMax: Math.max(...scores) };
      return {
        loss: -reward,
        gradNorm: Math.sqrt(squares),
        learningRate,
        terms: {},
        metrics: { ...meansOf(found.map(({ metrics }) => metrics)), ...spread },
        updates: {},
        tokens: found.reduce((sum, { tokens }) => sum + tokens, 0),
      };
    } catch (error) {
      restore();
      throw error;
    }
  };

  return {
    step: () => done,
    run,
    time: async () => undefined,
    units: [
      {
        name: 'trainer',
        version: 1,
        save: async () => ({ data: { step: done } }),
        load: async ({ data }) => {
          done = savedSteps(isRecord(data) ? data['step'] : undefined);
        },
      },
    ],
  };
}
