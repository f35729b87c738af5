import type { AdapterConfig } from '../adapters/index.ts';
import { type Drawing, drawnImages, newShapes, plainLook } from './drawnImages.ts';
import { defineRecipe } from './recipe.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly rank: number;
  /** Each arm's own, the best of a grid on other seeds. */
  readonly rates: Readonly<Record<'full' | 'linear probe' | 'lora' | 'ssf', number>>;
}

/** Shapes and a texture that the model has never seen, turned further than any that it has. */
const task: Drawing = {
  shapes: newShapes,
  textures: ['plain', 'striped', 'dotted'],
  labels: 'shape',
  look: { ...plainLook, turn: 0.8 },
};

/** Lian et al. 2022, Scaling & Shifting Your Features: A New Baseline for Efficient Model Tuning. */
export const ssfRecipe = defineRecipe<Config>({
  number: '033',
  claim:
    'scales and shifts of features classify more held-out images right than full fine-tuning, than a linear probe and than LoRA, from few images in the same steps',
  departures: [
    'a Vision Transformer of 0.2M parameters, pretrained on drawn shapes, learns shapes that it has never seen, instead of ViT-B/16 on FGVC and VTAB-1k',
    "equal steps and batches for all arms; the learning rate is each arm's best on other seeds, with worse ones above and below it in the grid, some of them tried on fewer images",
    'no augmentation, no moving average of the weights, no weight decay',
  ],
  use: { config: { adapter: { type: 'ssf' } } },
  model: 'nano-vit',
  onlyModel: 'the classifier of drawn images that has not seen the shapes of this task',
  seeds: Array.from({ length: 16 }, (_, i) => i + 1),
  config: {
    train: 240,
    held: 480,
    steps: 300,
    batchSize: 16,
    rank: 4,
    rates: { full: 3e-3, 'linear probe': 3e-2, lora: 1e-2, ssf: 3e-2 },
  },
  smoke: {
    train: 8,
    held: 8,
    steps: 1,
    batchSize: 8,
    rank: 2,
    rates: { full: 3e-3, 'linear probe': 3e-2, lora: 1e-2, ssf: 3e-2 },
  },
  build: ({ train, held, steps, batchSize, rank, rates }) => ({
    arms: ['full', 'linear probe', 'lora', 'ssf'],
    expectations: (['full', 'linear probe', 'lora'] as const).map(
      (than) => ({ figure: 'accuracy', arm: 'ssf', than, is: 'higher' }) as const,
    ),
    async run(arm, seed, lab) {
      const base = await lab.newHead('nano-vit', newShapes, seed);
      const adapters: Readonly<Record<string, Partial<AdapterConfig> & Pick<AdapterConfig, 'type'>>> = {
        full: { type: 'none' },
        'linear probe': { type: 'head' },
        lora: { type: 'lora', r: rank, alpha: 2 * rank },
        ssf: { type: 'ssf' },
      };
      const tuned = await lab.tune('run', drawnImages(train, seed, task), {
        model: { path: base.model },
        adapter: adapters[arm] ?? { type: 'none' },
        optimizer: { learningRate: rates[arm as keyof typeof rates] },
        schedule: { type: 'cosine', warmupSteps: 0.1 },
        train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
      });
      return { accuracy: await lab.labelled(tuned, drawnImages(held, seed + 1000, task)) };
    },
  }),
});
