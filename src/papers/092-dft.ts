import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { inChat } from './lab.ts';
import { defineRecipe } from './recipe.ts';
import { makeReversals } from './reversals.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly count: number;
  readonly corrupted: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
}

/** Wu et al. 2025, On the Generalization of SFT: A Reinforcement Learning Perspective with Reward Rectification. */
export const dftRecipe = defineRecipe<Config>({
  number: '092',
  claim:
    'dynamic fine-tuning answers more held-out questions than supervised fine-tuning on demonstrations of which some are wrong',
  departures: [
    'a Llama of 3M parameters learns to say three words backwards, which it can half of the time, from demonstrations of which 15% are wrong, instead of Qwen2.5-Math on NuminaMath',
    'LoRA of rank 16 on every linear layer instead of all parameters; of the learning rates 0.001, 0.003 and 0.01 the last was the best for both on a seed that is not among these',
  ],
  use: { config: { objective: { type: 'dft' } } },
  model: 'nano',
  seeds: [1, 2, 3, 4, 5],
  config: {
    train: 240,
    held: 150,
    count: 3,
    corrupted: 0.15,
    steps: 60,
    batchSize: 16,
    learningRate: 1e-2,
  },
  smoke: {
    train: 12,
    held: 4,
    count: 3,
    corrupted: 0.15,
    steps: 2,
    batchSize: 4,
    learningRate: 1e-2,
  },
  build: ({ steps, batchSize, learningRate, ...data }) => ({
    arms: ['base', 'sft', 'dft'],
    expectations: [{ figure: 'accuracy', arm: 'dft', than: 'sft', is: 'higher' }],
    async run(arm, seed, lab) {
      const questions = makeReversals({ ...data, seed });
      const [train, held] = [questions.train.map(inChat), questions.held.map(inChat)];
      const measured = async (weights: WeightsPath) => ({
        accuracy: await lab.accuracy(weights, held),
        heldLoss: await lab.loss(weights, held),
      });
      if (arm === 'base') return measured({ model: lab.model });
      const tuned = await lab.tune('run', train, {
        model: { path: lab.model },
        objective: { type: arm === 'dft' ? 'dft' : 'sft' },
        adapter: { type: 'lora', r: 16, alpha: 32 },
        optimizer: { learningRate },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      return measured(tuned);
    },
  }),
});
