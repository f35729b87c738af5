import { z } from 'zod';
import { philox, randomKey, uniformOf } from '../ir/random.ts';
import type { Batch } from './batches.ts';
import { dataStepUnit, type StepContext } from './dataStep.ts';

const schema = z.strictObject({
  type: z.literal('masked-thought').describe('hides tokens of the answers from the model'),
  probability: z.number().min(0).max(1).default(0.2).describe('Most that a token of the answer is hidden with'),
  warmupRatio: z
    .number()
    .min(0)
    .max(1)
    .default(2 / 3)
    .describe('Share of the steps over which the probability rises from 0; 0 starts with all of it'),
  replaceBy: z
    .enum(['mask', 'random'])
    .default('mask')
    .describe('What stands in place of a hidden token: one token, or any of the vocabulary'),
  maskTokenId: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe("Stands in place of a hidden token; the tokenizer's padding unless given"),
});

type Config = z.output<typeof schema>;

/** The id that hides a token. TypeError where there is none. */
function hidingId({ maskTokenId }: Config, { padTokenId, vocabSize }: StepContext): number {
  const id = maskTokenId ?? padTokenId;
  if (id === undefined)
    throw new TypeError(
      'dataStep.maskTokenId: expected the id of a token to hide others with, as the tokenizer has no padding token, but found none',
    );
  if (id >= vocabSize) throw new RangeError(`dataStep.maskTokenId: expected an id below ${vocabSize} but found ${id}`);
  return id;
}

/** Probability at a step: p(t) = min(p, p t / (w T)), t = 0 at the first of T steps. */
export function maskProbability({ probability, warmupRatio }: Config, step: number, steps: number): number {
  const whole = warmupRatio * steps;
  return whole === 0 ? probability : Math.min(probability, (probability * (step - 1)) / whole);
}

/** The batch with tokens of its answers hidden where the model reads them; targets stay. */
function hide(batch: Batch, config: Config, context: StepContext): Batch {
  const { seed, step, steps, vocabSize } = context;
  const hiding = config.replaceBy === 'mask' ? hidingId(config, context) : 0;
  const probability = maskProbability(config, step, steps);
  const [key0, key1] = randomKey(seed, 'masked-thought', step);
  const ids = batch.ids.slice();
  const draws = new Uint32Array(4);
  for (let at = 1; at < ids.length; at++) {
    const segment = batch.segments[at] ?? -1;
    const learned = (batch.weights[at - 1] ?? 0) > 0 && (batch.positions[at] ?? 0) > 0;
    if (segment < 0 || !learned) continue;
    const example = batch.rowIndexes[Math.floor(at / batch.length)]?.[segment] ?? 0;
    philox(draws, 0, key0, key1, example, batch.positions[at] ?? 0, 0, 0);
    if (uniformOf(draws[0] ?? 0) >= probability) continue;
    ids[at] = config.replaceBy === 'mask' ? hiding : Math.floor(uniformOf(draws[1] ?? 0) * vocabSize);
  }
  return { ...batch, ids };
}

/**
 * Masked thought: each token of the answer is hidden from the model, by itself with probability p(t), where it stands as input;
 * what is to be learned stays whole, hidden tokens included. Drawn anew for each step and example. Chen et al. 2024, Masked
 * Thought, section 3 and appendix: 0.4 with random tokens on GSM8K, 0.2 with a mask token elsewhere.
 */
export const maskedThoughtUnit = dataStepUnit({
  schema,
  make: (config) => ({
    type: 'masked-thought',
    note: `Hides up to ${100 * config.probability}% of the answers' tokens from the model as it reads them, by ${config.replaceBy === 'mask' ? 'one token' : 'random tokens'}; the whole answer is learned`,
    apply: (batch, context) => hide(batch, config, context),
  }),
});
