import { at } from '../ir/graph.ts';
import { permutation, randomKey } from '../ir/random.ts';

const things = (
  'horse cat dog tree house river garden book boat lamp window stone bread apple chair road ' +
  'bird ball coat drum plate box hat sheep cow shoe door bag coin pear fish bell'
).split(' ');

/** Questions about things that nano answers at length, other things for each half, by the seed, and an answer of the length that is wanted. */
export function shortAnswers(count: number, seed: number) {
  const order = permutation(things.length, randomKey(seed, 'things'));
  const rows = Array.from({ length: 2 * count }, (_, i) => {
    const thing = at(things, order[i] ?? 0);
    const content = `Write three short sentences about a ${thing}. Use easy words.`;
    return {
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: `A ${thing} is a thing.` },
      ],
    };
  });
  return { train: rows.slice(0, count), held: rows.slice(count) };
}
