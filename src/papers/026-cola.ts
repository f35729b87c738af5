import type { WeightsPath } from '../adapters/mergedWeights.ts';
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
  readonly rates: Readonly<Record<'lora' | 'lora restarted' | 'cola' | 'lora of all ranks', number>>;
}

const targetModules = ['q_proj', 'v_proj'];

/** Xia, Qin & Hazan 2024, Chain of LoRA: Efficient Fine-tuning of Language Models via Residual Learning. */
export const colaRecipe = defineRecipe<Config>({
  number: '026',
  claim:
    'a chain of LoRAs of rank r fits better than one LoRA of rank r in the same number of steps, and than one whose optimizer and learning rate start anew as often',
  reported: 'up to 6.47% of the score on WSC with OPT-1.3B, up to 4.4% with Llama-2-7B, over LoRA',
  departures: [
    'a Llama of 3M parameters learns 16 texts of 40 random words by heart, more than LoRA of rank 1 on its queries and values comes to hold, instead of OPT-1.3B and Llama-2-7B on SuperGLUE',
    "rank 1 instead of 8; the learning rate is each arm's best of a grid on other seeds: LoRA and the chain of 0.01, 0.03 and 0.1, LoRA that starts anew of 0.005, 0.01 and 0.03, LoRA of all ranks of 0.01 and 0.03",
    'links end at equal shares of the steps; the learning rate falls in each of them as it falls once for LoRA, which the paper leaves open',
    'LoRA that starts anew goes on with its factors, in as many runs as there are links; LoRA of the rank of all links together shows what more rank is worth',
  ],
  use: { config: { adapter: { type: 'cola', links: 3, r: 8 } } },
  model: 'nano',
  seeds: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
  config: {
    facts: 16,
    length: 40,
    steps: 240,
    batchSize: 8,
    rank: 1,
    links: 3,
    rates: { lora: 3e-2, 'lora restarted': 1e-2, cola: 3e-2, 'lora of all ranks': 1e-2 },
  },
  smoke: {
    facts: 8,
    length: 4,
    steps: 3,
    batchSize: 4,
    rank: 1,
    links: 3,
    rates: { lora: 3e-2, 'lora restarted': 1e-2, cola: 3e-2, 'lora of all ranks': 1e-2 },
  },
  build: ({ facts, length, steps, batchSize, rank, links, rates }) => {
    const pair = (r: number) => ({ type: 'lora', r, alpha: 2 * r, targetModules }) as const;
    const adapters = {
      lora: pair(rank),
      'lora restarted': pair(rank),
      cola: { ...pair(rank), type: 'cola', links },
      'lora of all ranks': pair(rank * links),
    } as const;
    const limit = 'lora of all ranks';
    return {
      arms: Object.keys(adapters),
      expectations: [
        { figure: 'targetLoss', arm: 'cola', than: 'lora', is: 'lower', limit },
        { figure: 'targetLoss', arm: 'cola', than: 'lora restarted', is: 'lower', limit },
      ],
      async run(name, seed, lab) {
        const arm = name as keyof typeof adapters;
        const rows = randomFacts(facts, seed, length);
        const runs = arm === 'lora restarted' ? links : 1;
        let tuned: WeightsPath = { model: lab.model };
        for (let run = 0; run < runs; run++) {
          const maxSteps = Math.ceil(((run + 1) * steps) / runs) - Math.ceil((run * steps) / runs);
          tuned = await lab.tune(run === 0 ? 'run' : `run ${run}`, rows, {
            model: { path: lab.model },
            adapter: tuned.adapter === undefined ? adapters[arm] : { type: 'lora', init: tuned.adapter },
            optimizer: { learningRate: rates[arm] },
            schedule: { type: 'cosine_with_restarts', numCycles: arm === 'cola' ? links : 1 },
            train: { maxSteps, batchSize, seed: seed + 1000 * run, saveSteps: maxSteps },
          });
        }
        return { targetLoss: await lab.loss(tuned, rows) };
      },
    };
  },
});
