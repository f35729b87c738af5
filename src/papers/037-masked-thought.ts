import { inChat } from './lab.ts';
import { defineRecipe } from './recipe.ts';
import { makeSums } from './sums.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly terms: number;
  readonly limit: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly probability: number;
}

/** Chen et al. 2024, Masked Thought: Simply Masking Partial Reasoning Steps Can Improve Mathematical Reasoning Learning. */
export const maskedThoughtRecipe = defineRecipe<Config>({
  number: '037',
  claim:
    'hiding tokens of the worked steps while training answers more held-out problems than supervised fine-tuning over many epochs',
  departures: [
    'a Llama of 3M parameters, which knows sums of two small numbers, learns to add three step by step, instead of Llama-2-7B on GSM8K',
    'LoRA of rank 16 on every linear layer instead of all parameters',
    "random tokens stand in place of hidden ones, as in the paper's GSM8K setting, but of at most 20% instead of 40%, over 12 epochs of 80 problems",
  ],
  use: { config: { dataStep: { type: 'masked-thought', probability: 0.2 } } },
  model: 'nano',
  seeds: [1, 2, 3, 4, 5],
  config: {
    train: 80,
    held: 200,
    terms: 3,
    limit: 7,
    steps: 60,
    batchSize: 16,
    learningRate: 1e-2,
    probability: 0.2,
  },
  smoke: { train: 12, held: 4, terms: 2, limit: 13, steps: 2, batchSize: 4, learningRate: 1e-2, probability: 0.2 },
  build: ({ steps, batchSize, learningRate, probability, ...data }) => ({
    arms: ['sft', 'masked'],
    expectations: [{ figure: 'accuracy', arm: 'masked', than: 'sft', is: 'higher' }],
    async run(arm, seed, lab) {
      const sums = makeSums({ ...data, seed });
      const [train, held] = [sums.train.map(inChat), sums.held.map(inChat)];
      const tuned = await lab.tune('run', train, {
        model: { path: lab.model },
        dataStep: arm === 'masked' ? { type: 'masked-thought', probability, replaceBy: 'random' } : { type: 'none' },
        adapter: { type: 'lora', r: 16, alpha: 32 },
        optimizer: { learningRate },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      return { accuracy: await lab.accuracy(tuned, held), heldLoss: await lab.loss(tuned, held) };
    },
  }),
});
