import type { LossPer } from './events.ts';

/** What a run's loss is the mean of. */
export type LossUnit = 'token' | LossPer;

/** The title of the loss's curve. */
export const lossTitle: Readonly<Record<LossUnit, string>> = {
  token: 'Loss per learned token',
  pair: 'Loss per pair',
  example: 'Loss per example',
  answer: 'Loss per answer',
};

/** What a loss says, in a sentence. */
export const lossMeaning: Readonly<Record<LossUnit, string>> = {
  token: 'A loss is the mean surprise at a token that should be written, in nats: the lower, the better.',
  pair: 'A loss is the mean over pairs of answers of how far the better one is from being preferred, in nats: the lower, the better.',
  example: 'A loss is the mean over examples of how far the model is from their labels: the lower, the better.',
  answer:
    'It learned from its own answers by their reward, of which the report tells the mean: the higher, the better.',
};
