import { at } from '../ir/graph.ts';
import { permutation, randomKey } from '../ir/random.ts';

const animals = ['horse', 'cat', 'dog', 'cow', 'bird', 'fish', 'pig', 'sheep', 'duck', 'hen'];
const others = (
  'cup book ball key boat hat lamp chair stone flower bottle candle button apple red green blue white black yellow ' +
  'Mia Tom Eva Max Ruth Paul Nina Jack garden river park school market forest'
).split(' ');

export const mixedWordLabels = ['animal', 'none'] as const;

/** A few words, half of the time with an animal among them; the same for a seed. */
export function mixedWords(count: number, words: number, seed: number): { text: string; label: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const order = permutation(others.length, randomKey(seed, 'mixed words', i));
    const chosen = Array.from(order.subarray(0, words), (word) => at(others, word));
    const label = at(mixedWordLabels, i % 2);
    if (label === 'animal')
      chosen[at([...order], words) % words] = at(animals, at([...order], words + 1) % animals.length);
    return { text: chosen.join(' '), label };
  });
}
