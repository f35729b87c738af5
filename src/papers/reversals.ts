import { at } from '../ir/graph.ts';
import { fillUniform, permutation, randomKey } from '../ir/random.ts';
import type { Question, Questions } from './lab.ts';

const words = [
  'apple',
  'chair',
  'flower',
  'lamp',
  'bottle',
  'stone',
  'candle',
  'button',
  'cup',
  'book',
  'ball',
  'key',
  'boat',
  'hat',
  'red',
  'green',
  'blue',
  'white',
  'black',
  'yellow',
  'Mia',
  'Tom',
  'Eva',
  'Max',
  'Ruth',
  'Paul',
  'Nina',
  'Jack',
];

/** Words to say backwards, which nano half knows of three; wrong answers have two of them exchanged. The same for a seed. */
export function makeReversals(options: {
  readonly train: number;
  readonly held: number;
  readonly count: number;
  /** Share of what is learned from whose answer is wrong. */
  readonly corrupted: number;
  readonly seed: number;
}): Questions {
  const { train, held, count, corrupted, seed } = options;
  const seen = new Set<string>();
  const all: Question[] = [];
  const chance = new Float32Array(2);
  for (let line = 0; all.length < train + held; line++) {
    const order = permutation(words.length, randomKey(seed, 'reversal words', line));
    const said = Array.from(order.subarray(0, count), (word) => at(words, word));
    const key = said.join(' ');
    if (seen.has(key)) continue;
    seen.add(key);
    const answer = said.toReversed();
    fillUniform(chance, randomKey(seed, 'reversal errors', line));
    const [wrong = 1, where = 0] = chance;
    if (all.length < train && wrong < corrupted) {
      const first = Math.floor(where * (count - 1));
      [answer[first], answer[first + 1]] = [at(answer, first + 1), at(answer, first)];
    }
    all.push({ prompt: `Say it backwards: ${key}`, completion: answer.join(' ') });
  }
  return { train: all.slice(0, train), held: all.slice(train) };
}
