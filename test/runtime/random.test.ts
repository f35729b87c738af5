import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fillNormal, fillUniform, randomKey } from '../../src/ir/random.ts';
import { fillPool } from '../../src/runtime/node/fill-pool.ts';
import { randomPool } from '../../src/runtime/node/random-pool.ts';
import { pieceLength, randomService } from '../../src/runtime/random.ts';
import { engines } from './engines.ts';

const pools = [1, 2, 3].map((threads) => ({ threads, pool: fillPool(threads) }));
after(() => pools.forEach(({ pool }) => pool.close()));
const services = [
  { name: 'this thread', random: randomService() },
  ...engines.map(({ name, random }) => ({ name: `engine ${name}`, random })),
  ...pools.map(({ threads, pool }) => ({ name: `${threads} threads`, random: randomPool(pool, threads) })),
];
const length = 3 * pieceLength + 5;
const key = randomKey(7, 'weights', 3);

for (const { name, random } of services) {
  test(`${name}: the numbers are those of one fill, whatever the pieces`, async () => {
    for (const [fill, direct] of [
      [random.fillUniform, fillUniform],
      [random.fillNormal, fillNormal],
    ] as const) {
      for (const count of [1, pieceLength, length]) {
        const [found, expected] = [new Float32Array(count), new Float32Array(count)];
        await fill(found, key);
        direct(expected, key);
        assert.deepEqual(found, expected);
      }
    }
  });

  test(`${name}: scaled noise is added in place`, async () => {
    const noise = new Float32Array(length);
    fillNormal(noise, key);
    const target = new Float32Array(length).fill(2);
    await random.addNormal(target, key, 0.5);
    assert.ok(target.every((value, i) => value === Math.fround(2 + 0.5 * (noise[i] ?? 0))));
  });
}

test('the event loop runs while a large buffer is filled', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await randomService().fillNormal(new Float32Array(20 * pieceLength), key);
  clearInterval(timer);
  assert.ok(ticks >= 5, `${ticks} ticks`);
});
