import { lakeText } from '../worlds/frozenLakeText.ts';
import { makeLakes } from './lakes.ts';
import { policyDistance } from './policyDistance.ts';
import { defineRecipe } from './recipe.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly size: number;
  readonly frozen: number;
  readonly maxSteps: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rates: Readonly<Record<'sft' | 'ift' | 'orpo', number>>;
}

/** Hua et al. 2024, Intuitive Fine-Tuning: Towards Unifying SFT and RLHF into a Single Process. */
export const iftRecipe = defineRecipe<Config>({
  number: '087',
  claim:
    'on Frozen Lake intuitive fine-tuning learns, from good ways alone, a policy that reaches the goal more often than supervised fine-tuning and ORPO',
  departures: [
    'a Llama of 3M parameters reads random lakes as text and is asked about others, of which the best way for all of them alike solves 23% (seed 11), instead of a network of two layers on one lake; Mistral-7B on chats is not tried',
    "AdamW instead of RMSprop; the learning rate is each arm's best on other seeds: of 0.0005, 0.001 and 0.002 on two of them (0.003 was worse on one), for ORPO of 0.001, 0.002, 0.003 and 0.005 on one",
    'ORPO learns from one way that is shortest and one that goes wrong once; DPO after supervised fine-tuning is left out, since as much of each as fits into these steps learned next to nothing',
  ],
  use: { config: { objective: { type: 'ift' } } },
  model: 'nano',
  seeds: [11, 12, 13, 14, 15, 16, 17, 18],
  config: {
    train: 400,
    held: 300,
    size: 4,
    frozen: 0.7,
    maxSteps: 12,
    steps: 150,
    batchSize: 8,
    rates: { sft: 1e-3, ift: 5e-4, orpo: 3e-3 },
  },
  smoke: {
    train: 16,
    held: 4,
    size: 3,
    frozen: 0.7,
    maxSteps: 4,
    steps: 2,
    batchSize: 4,
    rates: { sft: 1e-3, ift: 1e-3, orpo: 1e-3 },
  },
  build: ({ train, held, steps, batchSize, rates, ...world }) => ({
    arms: Object.keys(rates),
    expectations: [
      { figure: 'success', arm: 'ift', than: 'sft', is: 'higher', limit: 1 },
      { figure: 'success', arm: 'ift', than: 'orpo', is: 'higher', limit: 1 },
    ],
    async run(arm, seed, lab) {
      const type = arm as keyof typeof rates;
      const all = makeLakes({ ...world, count: train + held, seed });
      const [lakes, others] = [all.slice(0, train), all.slice(train)];
      const pairs = lakes.map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected }));
      const ways = lakes.map(({ prompt, chosen }) => ({ prompt, completion: chosen }));
      const tuned = await lab.tune('run', type === 'orpo' ? pairs : ways, {
        model: { path: lab.model },
        objective: { type },
        adapter: { type: 'none' },
        optimizer: { learningRate: rates[type] },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      const worlds = others.map(({ lake }) => lakeText(lake));
      const trajectories = await lab.rollOut(tuned, worlds, seed);
      return {
        success: trajectories.filter(({ return: sum }) => sum > 0).length / held,
        distance: policyDistance(others, trajectories),
      };
    },
  }),
});
