import { at } from '../ir/graph.ts';
import { fillUniform, randomKey } from '../ir/random.ts';
import type { Question, Questions } from './lab.ts';

/** A sum worked out two numbers at a time, in the words of nano's own lessons: 3 + 4 + 5 is answered by "3 + 4 = 7. 7 + 5 = 12." */
function workedSum(numbers: readonly number[]): Question {
  let total = at(numbers, 0);
  const steps = numbers.slice(1).map((number) => {
    const before = total;
    total += number;
    return `${before} + ${number} = ${total}.`;
  });
  return { prompt: `What is ${numbers.join(' + ')}?`, completion: steps.join(' ') };
}

/** Different sums of `terms` numbers below `limit`, the same for a seed. */
export function makeSums(options: {
  readonly train: number;
  readonly held: number;
  readonly terms: number;
  readonly limit: number;
  readonly seed: number;
}): Questions {
  const { train, held, terms, limit, seed } = options;
  const draws = new Float32Array((train + held) * 8 * terms);
  fillUniform(draws, randomKey(seed, 'sums'));
  const seen = new Map<string, Question>();
  for (let line = 0; seen.size < train + held && line < draws.length / terms; line++) {
    const numbers = Array.from(draws.subarray(line * terms, (line + 1) * terms), (draw) => Math.floor(draw * limit));
    seen.set(numbers.join('+'), workedSum(numbers));
  }
  if (seen.size < train + held)
    throw new RangeError(
      `Expected ${train + held} different sums of ${terms} numbers below ${limit} but found ${seen.size}`,
    );
  const all = [...seen.values()];
  return { train: all.slice(0, train), held: all.slice(train) };
}
