import { randomKey } from '../../../src/ir/random.ts';
import type { RandomService } from '../../../src/runtime/random.ts';

/** Streams of every kind, longer than a piece. */
export async function randomNumbers(random: RandomService): Promise<number[]> {
  const key = randomKey(7, 'weights', 3);
  const [uniform, normal, added] = [0, 1, 2].map(() => new Float32Array(70_001)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  await random.fillUniform(uniform, key);
  await random.fillNormal(normal, key);
  await random.addNormal(added, key, 0.5);
  return [uniform, normal, added].flatMap((values) => Array.from(new Uint32Array(values.buffer)));
}
