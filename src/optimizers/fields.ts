/** Fields that optimizers share in a run's config. */
import { z } from 'zod';
import { clipTypes } from './clips.ts';

export const rate = z.number().min(0).lt(1);

export const sharedFields = {
  learningRate: z
    .number()
    .min(0)
    .default(2e-4)
    .describe('Peak learning rate; lion wants a third or less, sgd many times as much'),
  weightDecay: z.number().min(0).default(0).describe('Decoupled weight decay; sgd adds it to the gradient'),
  clipBy: z
    .enum(clipTypes)
    .default('global')
    .describe("Whose norm maxGradNorm limits: that of all gradients together, or each parameter tensor's own"),
  maxGradNorm: z.number().min(0).default(1).describe('Gradients are scaled down to this norm; 0 leaves them'),
};
