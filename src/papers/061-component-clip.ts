import { inChat } from './lab.ts';
import { defineRecipe } from './recipe.ts';
import { makeReversals } from './reversals.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Most that a tensor's gradient, and most that all gradients together may measure. */
  readonly componentNorm: number;
  readonly globalNorm: number;
}

/** Yang & Ma 2022, Improving Stability of Fine-Tuning Pretrained Language Models via Component-Wise Gradient Norm Clipping. */
export const componentClipRecipe = defineRecipe<Config>({
  number: '061',
  claim:
    'clipping the gradient of each parameter tensor by itself spreads accuracy less over seeds than clipping that of all together, and answers more',
  departures: [
    'a Llama of 3M parameters says three words backwards, instead of BERT, RoBERTa and ALBERT with a new head on four tasks of GLUE',
    'a learning rate so high that seeds come apart, and the limit (of 0.01, 0.05 and 0.5), were chosen on a seed that is not among these; seeds draw data and order, as there is no head to draw',
    'no comparison with top-down unfreezing and other schemes by layer',
  ],
  use: { config: { optimizer: { type: 'adamw', clipBy: 'component', maxGradNorm: 0.05 } } },
  model: 'nano',
  seeds: Array.from({ length: 10 }, (_, i) => i + 1),
  config: {
    train: 320,
    held: 100,
    steps: 40,
    batchSize: 8,
    learningRate: 6e-3,
    componentNorm: 0.05,
    globalNorm: 1,
  },
  smoke: { train: 16, held: 4, steps: 2, batchSize: 4, learningRate: 1e-4, componentNorm: 0.05, globalNorm: 1 },
  build: ({ train, held, steps, batchSize, learningRate, componentNorm, globalNorm }) => {
    const arms = {
      global: { clipBy: 'global', maxGradNorm: globalNorm },
      component: { clipBy: 'component', maxGradNorm: componentNorm },
    } as const;
    return {
      arms: Object.keys(arms),
      expectations: [
        { figure: 'accuracy', of: 'spread', arm: 'component', than: 'global', is: 'lower' },
        { figure: 'accuracy', arm: 'component', than: 'global', is: 'higher' },
      ],
      async run(arm, seed, lab) {
        const rows = makeReversals({ train, held, count: 3, corrupted: 0, seed });
        const tuned = await lab.tune('run', rows.train.map(inChat), {
          model: { path: lab.model },
          adapter: { type: 'none' },
          optimizer: { ...arms[arm as keyof typeof arms], learningRate },
          train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
        });
        const others = rows.held.map(inChat);
        return { accuracy: await lab.accuracy(tuned, others), heldLoss: await lab.loss(tuned, others) };
      },
    };
  },
});
