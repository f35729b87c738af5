import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { conciseness } from '../rewards/conciseness.ts';
import { defineRecipe } from './recipe.ts';
import { shortAnswers } from './shortAnswers.ts';

interface Config {
  readonly prompts: number;
  /** Points of a step of ES, each of which answers all prompts. */
  readonly points: number;
  readonly sigma: number;
  readonly esRate: number;
  readonly esSteps: number;
  /** Answers of a step of GRPO. */
  readonly answers: number;
  readonly grpoRate: number;
  readonly grpoSteps: number;
  readonly maxTokens: number;
  readonly ownTexts: number;
}

/** Qiu et al. 2025, Evolution Strategies at Scale: LLM Fine-Tuning Beyond Reinforcement Learning. */
export const esAtScaleRecipe = defineRecipe<Config>({
  number: '072',
  claim:
    'evolution strategies on all weights raise the reward of held-out prompts, and more than GRPO with as many answers',
  departures: [
    'the conciseness task, -|length - wanted length|, on a Llama of 3M parameters and 16 prompts, instead of Countdown and conciseness on 0.5B to 8B',
    '10 steps of 8 points, σ = α = 0.02, instead of 500 to 1,000 of 30, σ = 0.001 and α = 0.0005',
    'GRPO trains LoRA of rank 16 by AdamW, without a divergence term, at a learning rate that was chosen as for ES on other seeds',
  ],
  use: { config: { adapter: { type: 'none' }, optimizer: { type: 'es' }, objective: { type: 'reward' } } },
  model: 'nano',
  seeds: [4, 5, 6],
  config: {
    prompts: 16,
    points: 8,
    sigma: 0.02,
    esRate: 0.02,
    esSteps: 10,
    answers: 64,
    grpoRate: 1e-3,
    grpoSteps: 20,
    maxTokens: 48,
    ownTexts: 32,
  },
  smoke: {
    prompts: 2,
    points: 2,
    sigma: 0.02,
    esRate: 0.02,
    esSteps: 1,
    answers: 8,
    grpoRate: 1e-3,
    grpoSteps: 1,
    maxTokens: 6,
    ownTexts: 2,
  },
  build: ({ prompts, points, sigma, esRate, esSteps, answers, grpoRate, grpoSteps, maxTokens, ownTexts }) => ({
    arms: ['es', 'grpo', 'base'],
    expectations: [
      { figure: 'reward', arm: 'es', than: 'base', is: 'higher' },
      { figure: 'reward', arm: 'es', than: 'grpo', is: 'higher' },
    ],
    async run(arm, seed, lab) {
      const { train, held } = shortAnswers(prompts, seed);
      const base = { model: lab.model };
      const shared = {
        model: { path: base.model },
        reward: { path: conciseness.name },
        schedule: { type: 'constant' },
        forgetting: { measure: false },
      } as const;
      const runs: Readonly<Record<string, () => Promise<WeightsPath>>> = {
        es: () =>
          lab.tune('run', train, {
            ...shared,
            adapter: { type: 'none' },
            objective: { type: 'reward', maxCompletionLength: maxTokens },
            optimizer: { type: 'es', learningRate: esRate, populationSize: points, sigma },
            train: { maxSteps: esSteps, batchSize: prompts, seed, saveSteps: esSteps },
          }),
        grpo: () =>
          lab.tune('run', train, {
            ...shared,
            objective: { type: 'grpo', maxCompletionLength: maxTokens },
            optimizer: { learningRate: grpoRate },
            train: { maxSteps: grpoSteps, batchSize: answers, seed, saveSteps: grpoSteps },
          }),
      };
      const tuned = (await runs[arm]?.()) ?? base;
      const own = await lab.samples(base, ownTexts, seed);
      return {
        reward: await lab.reward(tuned, held, conciseness, maxTokens),
        forgotten: (await lab.loss(tuned, own)) - (await lab.loss(base, own)),
      };
    },
  }),
});
