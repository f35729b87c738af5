import { defineRecipe } from './recipe.ts';
import { makeSums } from './sums.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly terms: number;
  readonly limit: number;
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
    'a Llama of 3M parameters that knows small sums learns longer ones with worked steps, 15% of their results wrong, instead of Qwen2.5-Math on NuminaMath',
    'LoRA of rank 16 on every linear layer instead of all parameters',
    'the form of the answers is new to the model, so that its tokens have next to no probability, and no weight, at first',
  ],
  use: { config: { objective: { type: 'dft' } } },
  model: 'nano',
  seeds: [1, 2, 3, 4, 5],
  config: {
    train: 800,
    held: 200,
    terms: 3,
    limit: 13,
    corrupted: 0.15,
    steps: 200,
    batchSize: 16,
    learningRate: 3e-3,
  },
  smoke: { train: 12, held: 4, terms: 2, limit: 13, corrupted: 0.15, steps: 2, batchSize: 4, learningRate: 3e-3 },
  build: ({ steps, batchSize, learningRate, ...data }) => ({
    arms: ['sft', 'dft'],
    expectations: [{ figure: 'accuracy', arm: 'dft', than: 'sft', is: 'higher' }],
    async run(arm, seed, lab) {
      const { train, held } = makeSums({ ...data, seed });
      const tuned = await lab.tune('run', train, {
        model: { path: 'nano' },
        objective: { type: arm === 'dft' ? 'dft' : 'sft' },
        adapter: { type: 'lora', r: 16, alpha: 32 },
        optimizer: { learningRate },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      return { accuracy: await lab.accuracy(tuned, held), heldLoss: await lab.loss(tuned, held) };
    },
  }),
});
