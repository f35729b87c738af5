import { fillUniform, randomKey } from '../ir/random.ts';
import { at } from '../ir/graph.ts';
import type { Question } from './lab.ts';

const names = [
  'apple',
  'river',
  'garden',
  'window',
  'horse',
  'lamp',
  'stone',
  'bread',
  'bird',
  'chair',
  'road',
  'boat',
];
const values = ['red', 'blue', 'green', 'white', 'black', 'small', 'big', 'old', 'new', 'cold', 'warm', 'quiet'];

/** Questions with random answers of `length` words, which only learning by heart can tell; the same for a seed. */
export function randomFacts(count: number, seed: number, length = 1): Question[] {
  const draws = new Float32Array(count * length);
  fillUniform(draws, randomKey(seed, 'random facts'));
  return Array.from({ length: count }, (_, i) => {
    const name = at(names, i % names.length);
    const said = Array.from(
      draws.subarray(i * length, (i + 1) * length),
      (draw) => ` ${at(values, Math.floor(draw * values.length))}`,
    );
    return { prompt: `The ${name} number ${Math.floor(i / names.length) + 1} is`, completion: said.join('') };
  });
}
