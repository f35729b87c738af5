import { mixedWordLabels, mixedWords } from './mixedWords.ts';
import { defineRecipe } from './recipe.ts';

interface Config {
  readonly train: number;
  readonly held: number;
  readonly words: number;
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
    'a Llama of 3M parameters with a new head says whether there is an animal among a few words, instead of BERT, RoBERTa and ALBERT on four tasks of GLUE',
    'a learning rate so high that one run of four stays near chance with global clipping, and the limit for components (of 0.01, 0.05 and 0.5 the best mean), were chosen on four other seeds, on which global clipping was best at 1 (of 0.01, 0.1 and 1); seeds draw head, data and order',
    'no comparison with top-down unfreezing and other schemes by layer',
  ],
  use: { config: { optimizer: { type: 'adamw', clipBy: 'component', maxGradNorm: 0.05 } } },
  model: 'nano',
  seeds: Array.from({ length: 60 }, (_, i) => i + 13),
  config: {
    train: 160,
    held: 200,
    words: 5,
    steps: 40,
    batchSize: 8,
    learningRate: 1e-2,
    componentNorm: 0.01,
    globalNorm: 1,
  },
  smoke: {
    train: 16,
    held: 4,
    words: 3,
    steps: 2,
    batchSize: 4,
    learningRate: 1e-4,
    componentNorm: 0.05,
    globalNorm: 1,
  },
  build: ({ train, held, words, steps, batchSize, learningRate, componentNorm, globalNorm }) => {
    const arms = {
      none: { maxGradNorm: 0 },
      global: { clipBy: 'global', maxGradNorm: globalNorm },
      component: { clipBy: 'component', maxGradNorm: componentNorm },
    } as const;
    return {
      arms: Object.keys(arms),
      expectations: [
        { figure: 'accuracy', of: 'spread', arm: 'component', than: 'global', is: 'lower', limit: 0 },
        { figure: 'accuracy', arm: 'component', than: 'global', is: 'higher', limit: 1 },
      ],
      async run(arm, seed, lab) {
        const headed = await lab.newHead(lab.model, mixedWordLabels, seed);
        const tuned = await lab.tune('run', mixedWords(train, words, seed), {
          model: { path: headed.model },
          adapter: { type: 'none' },
          optimizer: { ...arms[arm as keyof typeof arms], learningRate },
          train: { maxSteps: steps, batchSize, seed, saveSteps: steps },
        });
        return { accuracy: await lab.labelled(tuned, mixedWords(held, words, seed + 1000)) };
      },
    };
  },
});
