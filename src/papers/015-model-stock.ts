import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { average } from '../surgery/average.ts';
import { interpolate } from '../surgery/interpolate.ts';
import { modelStock } from '../surgery/modelStock.ts';
import { type DrawnImage, newShapes } from './drawnImages.ts';
import { defineRecipe } from './recipe.ts';
import { plainImages, shiftedImages } from './shapesInLooks.ts';

interface Config {
  /** Images of each look, from which the base learns in batches of twice the size. */
  readonly broad: number;
  readonly baseSteps: number;
  /** Images of the plain look, from which models are tuned. */
  readonly train: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Models in the soup. */
  readonly soup: number;
  /** Images of each other look, and half of those of the plain one. */
  readonly held: number;
}

const baseRate = 1e-3;

/** Jang et al. 2024, Model Stock: All we need is just a few fine-tuned models. */
export const modelStockRecipe = defineRecipe<Config>({
  number: '015',
  claim:
    'the Model Stock of two fine-tuned models classifies more images right than one of them, and more of other distributions than one and than their average',
  departures: [
    'a Vision Transformer of 0.2M parameters, pretrained on drawn shapes and then on others in four looks, is tuned on more of these in one look, instead of CLIP on ImageNet; the other three looks are the shifts',
    'the base has learned all four looks, so that there is something for tuning to lose, as CLIP has that has seen most of the world',
    'models differ in the order of the images; their learning rate (of 0.0005, 0.001 and 0.002) is the one with which a single model names most images of the look that it is tuned on, on three other seeds',
    'merged once at the end, not after each epoch; a soup of all models takes the place of a greedy one',
  ],
  use: { surgery: modelStock },
  model: 'nano-vit',
  onlyModel: 'the classifier of drawn images that has not seen the shapes of this task',
  seeds: [11, 12, 13, 14, 15, 16, 17, 18],
  config: {
    broad: 400,
    baseSteps: 200,
    train: 960,
    steps: 200,
    batchSize: 16,
    learningRate: 1e-3,
    soup: 5,
    held: 240,
  },
  smoke: { broad: 8, baseSteps: 1, train: 8, steps: 1, batchSize: 4, learningRate: 1e-3, soup: 3, held: 8 },
  build: ({ broad, baseSteps, train, steps, batchSize, learningRate, soup, held }) => ({
    arms: ['base', 'individual', 'wise-ft', 'average', 'soup', 'model stock'],
    expectations: [
      { figure: 'accuracy', arm: 'model stock', than: 'individual', is: 'higher', limit: 1 },
      { figure: 'shiftedAccuracy', arm: 'model stock', than: 'individual', is: 'higher', limit: 1 },
      { figure: 'shiftedAccuracy', arm: 'model stock', than: 'average', is: 'higher', limit: 1 },
    ],
    async run(arm, seed, lab) {
      const learn = (name: string, model: string, rows: readonly DrawnImage[], draw: number) => {
        const broadly = name === 'base';
        const size = broadly ? { maxSteps: baseSteps, batchSize: 2 * batchSize } : { maxSteps: steps, batchSize };
        return lab.tune(name, rows, {
          model: { path: model },
          adapter: { type: 'none' },
          optimizer: { learningRate: broadly ? baseRate : learningRate },
          train: { ...size, seed: draw, saveSteps: size.maxSteps },
        });
      };
      const headed = await lab.newHead(lab.model, newShapes, seed);
      const all = [...plainImages(broad, seed + 500), ...shiftedImages(broad, seed + 500)];
      const base = await learn('base', headed.model, all, seed);
      const rows = plainImages(train, seed);
      const models: WeightsPath[] = [];
      const counts: Readonly<Record<string, number>> = { base: 0, 'wise-ft': 1, soup };
      while (models.length < (counts[arm] ?? 2))
        models.push(await learn(`run ${models.length}`, base.model, rows, 100 * seed + models.length));
      const of = { base, models };
      const merges: Readonly<Record<string, () => Promise<WeightsPath>>> = {
        'wise-ft': () => lab.operate('wise-ft', interpolate, { alpha: 0.5 }, of),
        average: () => lab.operate('average', average, {}, of),
        soup: () => lab.operate('soup', average, {}, of),
        'model stock': () => lab.operate('stock', modelStock, {}, of),
      };
      const merge = merges[arm];
      const measured = arm === 'base' ? [base] : merge ? [await merge()] : models;
      const mean = async (images: readonly DrawnImage[]): Promise<number> => {
        let total = 0;
        for (const weights of measured) total += await lab.labelled(weights, images);
        return total / measured.length;
      };
      return {
        accuracy: await mean(plainImages(2 * held, seed + 1000)),
        shiftedAccuracy: await mean(shiftedImages(held, seed + 1000)),
      };
    },
  }),
});
