import { at } from '../ir/graph.ts';
import { fillUniform, randomKey } from '../ir/random.ts';
import type { Question } from './lab.ts';

export interface Sums {
  /** Lines to learn from, a share of them with a wrong result. */
  readonly train: readonly Question[];
  /** Other sums, all right. */
  readonly held: readonly Question[];
}

/** Sums of `terms` numbers below `limit` with worked steps: 3 + 4 + 5 = is answered by 3 + 4 = 7, 7 + 5 = 12. */
function workedSum(numbers: readonly number[], error: number): Question {
  let total = at(numbers, 0);
  const steps = numbers.slice(1).map((number, i) => {
    const before = total;
    total += number + (i === numbers.length - 2 ? error : 0);
    return `${before} + ${number} = ${total}`;
  });
  return { prompt: `Add ${numbers.join(' + ')}:`, completion: ` ${steps.join(', ')}.` };
}

/** Different sums for training and for asking, the same for a seed. */
export function makeSums(options: {
  readonly train: number;
  readonly held: number;
  readonly terms: number;
  readonly limit: number;
  /** Share of the training lines whose result is off by 1 to 9. */
  readonly corrupted: number;
  readonly seed: number;
}): Sums {
  const { train, held, terms, limit, corrupted, seed } = options;
  const width = terms + 2;
  const draws = new Float32Array((train + held) * 8 * width);
  fillUniform(draws, randomKey(seed, 'sums'));
  const seen = new Set<string>();
  const all: Question[] = [];
  for (let line = 0; all.length < train + held && line < draws.length / width; line++) {
    const [corrupt = 0, off = 0, ...rest] = draws.subarray(line * width, (line + 1) * width);
    const numbers = rest.map((draw) => 1 + Math.floor(draw * (limit - 1)));
    const key = numbers.join('+');
    if (seen.has(key)) continue;
    seen.add(key);
    const isWrong = all.length < train && corrupt < corrupted;
    all.push(workedSum(numbers, isWrong ? 1 + Math.floor(off * 9) : 0));
  }
  if (all.length < train + held)
    throw new RangeError(
      `Expected ${train + held} different sums of ${terms} numbers below ${limit} but found ${all.length}`,
    );
  return { train: all.slice(0, train), held: all.slice(train) };
}
