import { randomFacts } from './facts.ts';
import { defineRecipe } from './recipe.ts';

interface Config {
  readonly facts: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rank: number;
  readonly links: number;
  readonly learningRate: number;
}

/** Xia, Qin & Hazan 2024, Chain of LoRA: Efficient Fine-tuning of Language Models via Residual Learning. */
export const colaRecipe = defineRecipe<Config>({
  number: '026',
  claim: 'a chain of LoRAs of rank r fits better than one LoRA of rank r in the same number of steps',
  departures: [
    'a Llama of 3M parameters learns random facts by heart, instead of OPT-1.3B and Llama-2-7B on SuperGLUE',
    'every linear layer is adapted, not queries and values alone',
    'links end at equal shares of the steps; the learning rate falls in each of them as it falls once for LoRA, which the paper leaves open',
  ],
  use: { config: { adapter: { type: 'cola', links: 3, r: 8 } } },
  model: 'nano',
  seeds: [1, 2, 3],
  config: { facts: 64, steps: 180, batchSize: 8, rank: 1, links: 3, learningRate: 1e-2 },
  smoke: { facts: 8, steps: 3, batchSize: 4, rank: 1, links: 3, learningRate: 1e-2 },
  build: ({ facts, steps, batchSize, rank, links, learningRate }) => {
    const arms = {
      lora: { type: 'lora', r: rank, alpha: 2 * rank },
      cola: { type: 'cola', r: rank, alpha: 2 * rank, links },
    } as const;
    return {
      arms: Object.keys(arms),
      expectations: [{ figure: 'targetLoss', arm: 'cola', than: 'lora', is: 'lower' }],
      async run(arm, seed, lab) {
        const rows = randomFacts(facts, seed);
        const tuned = await lab.tune('run', rows, {
          model: { path: lab.model },
          adapter: arms[arm as keyof typeof arms],
          optimizer: { learningRate },
          schedule: { type: 'cosine_with_restarts', numCycles: arm === 'cola' ? links : 1 },
          train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
        });
        return { targetLoss: await lab.loss(tuned, rows), accuracy: await lab.accuracy(tuned, rows) };
      },
    };
  },
});
