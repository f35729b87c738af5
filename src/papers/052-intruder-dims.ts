import { intruderDims } from '../probes/intruderDims.ts';
import { intruderDims as reduceIntruders } from '../surgery/intruderDims.ts';
import { randomFacts } from './facts.ts';
import { defineRecipe } from './recipe.ts';

interface Arm {
  /** 0 trains the model itself. */
  readonly rank: number;
  readonly learningRate: number;
  readonly steps: number;
}

interface Config {
  readonly facts: number;
  readonly batchSize: number;
  /** Whether facts share rows. */
  readonly packing?: boolean;
  /** Texts of the base's own that tell what was forgotten. */
  readonly ownTexts: number;
  /** Blocks whose layers are looked at; all unless given. */
  readonly layers?: readonly number[];
  readonly arms: Readonly<Record<string, Arm>>;
}

const nanoArms = {
  full: { rank: 0, learningRate: 1e-3, steps: 110 },
  'lora 1': { rank: 1, learningRate: 1e-2, steps: 160 },
  'lora 16': { rank: 16, learningRate: 2e-3, steps: 130 },
  'rslora 128': { rank: 128, learningRate: 1e-4, steps: 120 },
};

const largerArms = {
  full: { rank: 0, learningRate: 1e-4, steps: 30 },
  'lora 1': { rank: 1, learningRate: 2e-2, steps: 40 },
  'lora 16': { rank: 16, learningRate: 3e-3, steps: 40 },
  'rslora 128': { rank: 128, learningRate: 2e-5, steps: 40 },
};

const briefly = (arms: Config['arms']): Config['arms'] =>
  Object.fromEntries(Object.entries(arms).map(([name, arm]) => [name, { ...arm, steps: 2 }]));

/** Shuttleworth et al. 2024, LoRA vs Full Fine-tuning: An Illusion of Equivalence. */
export const intruderDimsRecipe = defineRecipe<Config>({
  number: '052',
  claim:
    'at equal accuracy LoRA of rank 1 and of rank 16 brings more intruder dimensions than full fine-tuning, and rank-stabilised LoRA of rank 128 fewer than that of rank 16',
  departures: [
    'a Llama of 3M parameters (width 192) learns random facts by heart, instead of RoBERTa and LLaMA on GLUE and code',
    'steps and learning rates were chosen so that all arms know nearly every fact, on one seed that is not among these; the last changes, of the steps of full and the rate of lora 16, were not measured there again; the loss of each arm stands beside its count',
    'the count depends on the learning rate: at half the rate rank 16 had no intruders, and had not learned the facts',
  ],
  use: { probe: intruderDims, surgery: reduceIntruders },
  model: 'nano',
  seeds: [1, 2, 3],
  config: { facts: 64, batchSize: 8, ownTexts: 32, arms: nanoArms },
  others: [
    {
      model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
      parameters: 134_515_008,
      departures: [
        'a model of 135M parameters learns 32 random facts by heart, all of them in each step, instead of RoBERTa and LLaMA on GLUE and code',
        'a few dozen steps at the highest of the tried learning rates at which every fact was learned on a seed that is not among these, which favours intruders: 0.005 and 0.02 for lora 1, 0.001 and 0.003 for lora 16, 0.00002 and, which diverged, 0.0001 for rslora 128, 0.0001 for full; the loss of each arm stands beside its count',
        'the layers of four blocks of thirty are looked at',
      ],
      seeds: [1, 2, 3],
      config: { facts: 32, batchSize: 1, packing: true, ownTexts: 8, layers: [0, 10, 20, 29], arms: largerArms },
    },
  ],
  smoke: { facts: 8, batchSize: 1, packing: true, ownTexts: 4, layers: [0], arms: briefly(nanoArms) },
  build: ({ facts, batchSize, packing, ownTexts, layers, arms }) => ({
    arms: Object.keys(arms),
    expectations: [
      { figure: 'intruders', arm: 'lora 1', than: 'full', is: 'higher' },
      { figure: 'intruders', arm: 'lora 16', than: 'full', is: 'higher' },
      { figure: 'intruders', arm: 'rslora 128', than: 'lora 16', is: 'lower' },
    ],
    async run(arm, seed, lab) {
      const base = { model: lab.model };
      const rows = randomFacts(facts, seed);
      const { rank, learningRate, steps } = arms[arm] as Arm;
      const lora = { type: 'lora', r: rank, alpha: 2 * rank, useRslora: arm.startsWith('rslora') } as const;
      const tuned = await lab.tune('run', rows, {
        model: { path: base.model },
        packing,
        adapter: rank === 0 ? { type: 'none' } : lora,
        optimizer: { learningRate },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      const own = await lab.samples(base, ownTexts, seed);
      return {
        intruders: await lab.probe(intruderDims, base, tuned, layers && { layers }),
        targetLoss: await lab.loss(tuned, rows),
        accuracy: await lab.accuracy(tuned, rows),
        forgotten: (await lab.loss(tuned, own)) - (await lab.loss(base, own)),
      };
    },
  }),
});
