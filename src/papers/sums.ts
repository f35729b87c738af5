import { at } from '../ir/graph.ts';
import { fillUniform, randomKey } from '../ir/random.ts';
import type { Question, Questions } from './lab.ts';

/** A sum worked out two numbers at a time, in the words of nano's own lessons: 3 + 4 + 5 is answered by "3 + 4 = 7. 7 + 5 = 12."; what is `off` at a step makes it wrong. */
function workedSum(numbers: readonly number[], off: (step: number) => number): Question {
  let total = at(numbers, 0);
  const steps = numbers.slice(1).map((number, step) => {
    const before = total;
    total += number + off(step);
    return `${before} + ${number} = ${total}.`;
  });
  return { prompt: `What is ${numbers.join(' + ')}?`, completion: steps.join(' ') };
}

/** Different sums of `terms` numbers below `limit`; wrong answers are off by 1 to 9 at one step. The same for a seed. */
export function makeSums(options: {
  readonly train: number;
  readonly held: number;
  readonly terms: number;
  readonly limit: number;
  /** Share of what is learned from whose answer is wrong; none unless given. */
  readonly corrupted?: number;
  readonly seed: number;
}): Questions {
  const { train, held, terms, limit, corrupted = 0, seed } = options;
  const draws = new Float32Array((train + held) * 8 * terms);
  fillUniform(draws, randomKey(seed, 'sums'));
  const seen = new Map<string, Question>();
  const chance = new Float32Array(3);
  for (let line = 0; seen.size < train + held && line < draws.length / terms; line++) {
    const numbers = Array.from(draws.subarray(line * terms, (line + 1) * terms), (draw) => Math.floor(draw * limit));
    const key = numbers.join('+');
    if (seen.has(key)) continue;
    fillUniform(chance, randomKey(seed, 'sum errors', seen.size));
    const [wrong = 1, where = 0, far = 0] = chance;
    const wrongAt = seen.size < train && wrong < corrupted ? Math.floor(where * (terms - 1)) : -1;
    seen.set(
      key,
      workedSum(numbers, (step) => (step === wrongAt ? 1 + Math.floor(9 * far) : 0)),
    );
  }
  if (seen.size < train + held)
    throw new RangeError(
      `Expected ${train + held} different sums of ${terms} numbers below ${limit} but found ${seen.size}`,
    );
  const all = [...seen.values()];
  return { train: all.slice(0, train), held: all.slice(train) };
}
