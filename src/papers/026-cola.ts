import { randomFacts } from './facts.ts';
import { defineRecipe } from './recipe.ts';

interface Config {
  readonly facts: number;
  /** Words of each. */
  readonly length: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rank: number;
  readonly links: number;
  /** Each arm's own, the best of a grid on other seeds. */
  readonly rates: Readonly<Record<'lora' | 'cola', number>>;
}

const targetModules = ['q_proj', 'v_proj'];

/** Xia, Qin & Hazan 2024, Chain of LoRA: Efficient Fine-tuning of Language Models via Residual Learning. */
export const colaRecipe = defineRecipe<Config>({
  number: '026',
  claim: 'a chain of LoRAs of rank r fits better than one LoRA of rank r in the same number of steps',
  departures: [
    'a Llama of 3M parameters learns 16 texts of 40 random words by heart, more than LoRA of rank 1 on its queries and values comes to hold, instead of OPT-1.3B and Llama-2-7B on SuperGLUE',
    "rank 1 instead of 8; the learning rate is each arm's best of 0.01, 0.03 and 0.1 on another seed",
    'links end at equal shares of the steps; the learning rate falls in each of them as it falls once for LoRA, which the paper leaves open; what such rates alone would do for LoRA is not measured',
  ],
  use: { config: { adapter: { type: 'cola', links: 3, r: 8 } } },
  model: 'nano',
  seeds: [1, 2, 3, 4, 5],
  config: {
    facts: 16,
    length: 40,
    steps: 240,
    batchSize: 8,
    rank: 1,
    links: 3,
    rates: { lora: 3e-2, cola: 3e-2 },
  },
  smoke: {
    facts: 8,
    length: 4,
    steps: 3,
    batchSize: 4,
    rank: 1,
    links: 3,
    rates: { lora: 3e-2, cola: 3e-2 },
  },
  build: ({ facts, length, steps, batchSize, rank, links, rates }) => {
    const arms = {
      lora: { type: 'lora', r: rank, alpha: 2 * rank, targetModules },
      cola: { type: 'cola', r: rank, alpha: 2 * rank, targetModules, links },
    } as const;
    return {
      arms: Object.keys(arms),
      expectations: [{ figure: 'targetLoss', arm: 'cola', than: 'lora', is: 'lower' }],
      async run(name, seed, lab) {
        const arm = name as keyof typeof arms;
        const rows = randomFacts(facts, seed, length);
        const tuned = await lab.tune('run', rows, {
          model: { path: lab.model },
          adapter: arms[arm],
          optimizer: { learningRate: rates[arm] },
          schedule: { type: 'cosine_with_restarts', numCycles: arm === 'cola' ? links : 1 },
          train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
        });
        return { targetLoss: await lab.loss(tuned, rows) };
      },
    };
  },
});
