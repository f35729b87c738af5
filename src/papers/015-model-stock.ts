import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { average } from '../surgery/average.ts';
import { interpolate } from '../surgery/interpolate.ts';
import { modelStock } from '../surgery/modelStock.ts';
import { type Drawing, drawnImages, newShapes, plainLook } from './drawnImages.ts';
import { defineRecipe, type Figures } from './recipe.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly probeSteps: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Models that are tuned from one base, with other orders of the data. */
  readonly models: number;
}

const task: Drawing = { shapes: newShapes, textures: ['plain', 'striped'], labels: 'shape', look: plainLook };
/** The same shapes turned further, in grain. */
const shifted: Drawing = { ...task, look: { turn: 0.7, inverted: false, noise: 40 } };

/** Jang et al. 2024, Model Stock: All we need is just a few fine-tuned models. */
export const modelStockRecipe = defineRecipe<Config>({
  number: '015',
  claim:
    'the Model Stock of two fine-tuned models classifies more images right than one of them, and more of another distribution than their average',
  departures: [
    'a Vision Transformer of 0.2M parameters, pretrained on drawn shapes, learns shapes that it has never seen, instead of CLIP on ImageNet',
    'the base is a linear probe on the same images, where CLIP has its zero-shot head',
    'merged once at the end, not after each epoch',
  ],
  use: { surgery: modelStock },
  model: 'nano-vit',
  onlyModel: 'the classifier of drawn images that has not seen the shapes of this task',
  seeds: [1, 2, 3, 4],
  config: { train: 240, held: 480, probeSteps: 60, steps: 60, batchSize: 16, learningRate: 5e-4, models: 2 },
  smoke: { train: 8, held: 8, probeSteps: 1, steps: 1, batchSize: 8, learningRate: 5e-4, models: 2 },
  build: ({ train, held, probeSteps, steps, batchSize, learningRate, models }) => ({
    arms: ['individual', 'average', 'wise-ft', 'model stock'],
    expectations: [
      { figure: 'accuracy', arm: 'model stock', than: 'individual', is: 'higher' },
      { figure: 'shiftedAccuracy', arm: 'model stock', than: 'individual', is: 'higher' },
      { figure: 'shiftedAccuracy', arm: 'model stock', than: 'average', is: 'higher' },
    ],
    async run(arm, seed, lab): Promise<Figures> {
      const rows = drawnImages(train, seed, task);
      const headed = await lab.newHead('nano-vit', newShapes, seed);
      const probe = await lab.tune('probe', rows, {
        model: { path: headed.model },
        adapter: { type: 'head' },
        optimizer: { learningRate: 1e-2 },
        train: { maxSteps: probeSteps, batchSize, seed, saveSteps: probeSteps },
      });
      const base = await lab.merge('base', probe);
      const tuned: WeightsPath[] = [];
      for (let i = 0; i < models; i++)
        tuned.push(
          await lab.tune(i === 0 ? 'run' : `run ${i}`, rows, {
            model: { path: base.model },
            adapter: { type: 'none' },
            optimizer: { learningRate },
            train: { maxSteps: steps, batchSize, seed: 100 * seed + i, saveSteps: steps },
          }),
        );
      const of = { base, models: tuned };
      const candidates = {
        average: () => lab.operate('average', average, {}, of),
        'wise-ft': () => lab.operate('wise-ft', interpolate, { alpha: 0.5 }, { base, models: tuned.slice(0, 1) }),
        'model stock': () => lab.operate('stock', modelStock, {}, of),
      };
      const merged = arm in candidates ? [await candidates[arm as keyof typeof candidates]()] : tuned;
      const mean = async (drawing: Drawing): Promise<number> => {
        let total = 0;
        for (const weights of merged) total += await lab.labelled(weights, drawnImages(held, seed + 1000, drawing));
        return total / merged.length;
      };
      return { accuracy: await mean(task), shiftedAccuracy: await mean(shifted) };
    },
  }),
});
