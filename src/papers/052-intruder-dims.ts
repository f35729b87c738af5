import { intruderDims } from '../probes/intruderDims.ts';
import { intruderDims as reduceIntruders } from '../surgery/intruderDims.ts';
import { randomFacts } from './facts.ts';
import { defineRecipe } from './recipe.ts';

interface Config {
  readonly facts: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly ranks: readonly number[];
  readonly loraRate: number;
  readonly fullRate: number;
  /** Texts of the base's own that tell what was forgotten. */
  readonly ownTexts: number;
}

/** Shuttleworth et al. 2024, LoRA vs Full Fine-tuning: An Illusion of Equivalence. */
export const intruderDimsRecipe = defineRecipe<Config>({
  number: '052',
  claim:
    'LoRA of rank 1 brings more intruder dimensions than full fine-tuning, and than LoRA of rank 16, on the same task',
  departures: [
    'a Llama of 3M parameters learns random facts by heart, instead of RoBERTa and LLaMA on GLUE and code',
    'equal steps instead of equal accuracy; the target loss of each arm stands beside its count',
  ],
  use: { probe: intruderDims, surgery: reduceIntruders },
  model: 'nano',
  seeds: [1, 2, 3],
  config: { facts: 96, steps: 240, batchSize: 16, ranks: [1, 16], loraRate: 3e-3, fullRate: 1e-3, ownTexts: 64 },
  smoke: { facts: 8, steps: 2, batchSize: 4, ranks: [1], loraRate: 1e-2, fullRate: 1e-3, ownTexts: 4 },
  build: ({ facts, steps, batchSize, ranks, loraRate, fullRate, ownTexts }) => ({
    arms: ['full', ...ranks.map((rank) => `lora ${rank}`)],
    expectations: [
      { figure: 'intruders', arm: 'lora 1', than: 'full', is: 'higher' },
      ...ranks.flatMap((rank) =>
        rank === 1 ? [] : [{ figure: 'intruders', arm: 'lora 1', than: `lora ${rank}`, is: 'higher' } as const],
      ),
    ],
    async run(arm, seed, lab) {
      const base = { model: 'nano' };
      const rows = randomFacts(facts, seed);
      const rank = Number(/\d+/.exec(arm)?.[0] ?? 0);
      const tuned = await lab.tune('run', rows, {
        model: { path: base.model },
        adapter: rank === 0 ? { type: 'none' } : { type: 'lora', r: rank, alpha: 2 * rank },
        optimizer: { learningRate: rank === 0 ? fullRate : loraRate },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      const own = await lab.samples(base, ownTexts, seed);
      return {
        intruders: await lab.probe(intruderDims, base, tuned),
        targetLoss: await lab.loss(tuned, rows),
        forgotten: (await lab.loss(tuned, own)) - (await lab.loss(base, own)),
      };
    },
  }),
});
