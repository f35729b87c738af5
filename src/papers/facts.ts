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

/** Questions with random answers, which only learning by heart can tell; the same for a seed. */
export function randomFacts(count: number, seed: number): Question[] {
  const draws = new Float32Array(count);
  fillUniform(draws, randomKey(seed, 'random facts'));
  return Array.from(draws, (draw, i) => {
    const name = at(names, i % names.length);
    const value = at(values, Math.floor(draw * values.length));
    return { prompt: `The ${name} number ${Math.floor(i / names.length) + 1} is`, completion: ` ${value}` };
  });
}
