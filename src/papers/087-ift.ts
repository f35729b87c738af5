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
  readonly rates: Readonly<Record<'sft' | 'ift' | 'orpo' | 'dpo', number>>;
}

/** Hua et al. 2024, Intuitive Fine-Tuning: Towards Unifying SFT and RLHF into a Single Process. */
export const iftRecipe = defineRecipe<Config>({
  number: '087',
  claim:
    'on Frozen Lake intuitive fine-tuning learns, from good ways alone, a policy that reaches the goal more often than supervised fine-tuning and ORPO',
  departures: [
    'a Llama of 3M parameters reads random lakes as text and is asked about others, instead of a network of two layers on one lake; Mistral-7B on chats is not tried',
    'LoRA of rank 16 on every linear layer instead of all parameters, AdamW instead of RMSprop',
    'little is learned in these steps: on two of three other seeds supervised fine-tuning solved 23% and 27% of the lakes, where the best way for all of them alike solves 23%, so there is little to tell methods apart by',
    'ORPO and DPO learn from one way that is shortest and one that goes wrong once; DPO goes on, for half of the steps, from what supervised fine-tuning came to in the other half',
  ],
  use: { config: { objective: { type: 'ift' } } },
  model: 'nano',
  seeds: [1, 2, 3],
  config: {
    train: 400,
    held: 100,
    size: 4,
    frozen: 0.7,
    maxSteps: 12,
    steps: 100,
    batchSize: 8,
    rates: { sft: 3e-3, ift: 3e-3, orpo: 3e-3, dpo: 1e-3 },
  },
  smoke: {
    train: 16,
    held: 4,
    size: 3,
    frozen: 0.7,
    maxSteps: 4,
    steps: 2,
    batchSize: 4,
    rates: { sft: 1e-3, ift: 1e-3, orpo: 1e-3, dpo: 1e-3 },
  },
  build: ({ train, held, steps, batchSize, rates, ...world }) => ({
    arms: ['sft', 'ift', 'orpo', 'sft + dpo'],
    expectations: [
      { figure: 'success', arm: 'ift', than: 'sft', is: 'higher' },
      { figure: 'success', arm: 'ift', than: 'orpo', is: 'higher' },
    ],
    async run(arm, seed, lab) {
      const all = makeLakes({ ...world, count: train + held, seed });
      const [lakes, others] = [all.slice(0, train), all.slice(train)];
      const pairs = lakes.map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected }));
      const ways = lakes.map(({ prompt, chosen }) => ({ prompt, completion: chosen }));
      const learn = (type: keyof typeof rates, model: string, maxSteps: number) =>
        lab.tune(type, type === 'orpo' || type === 'dpo' ? pairs : ways, {
          model: { path: model },
          objective: { type },
          adapter: { type: 'lora', r: 16, alpha: 32 },
          optimizer: { learningRate: rates[type] },
          train: { maxSteps, batchSize, seed, saveSteps: maxSteps },
        });
      const half = Math.ceil(steps / 2);
      const tuned =
        arm === 'sft + dpo'
          ? await learn('dpo', (await lab.merge('merged', await learn('sft', lab.model, half))).model, half)
          : await learn(arm as 'sft' | 'ift' | 'orpo', lab.model, steps);
      const trajectories = await lab.rollOut(
        tuned,
        others.map(({ lake }) => lakeText(lake)),
        seed,
      );
      return {
        success: trajectories.filter(({ return: sum }) => sum > 0).length / held,
        distance: policyDistance(others, trajectories),
      };
    },
  }),
});
