import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frozenLake } from '../../src/worlds/frozenLake.ts';
import { randomLakeMap } from '../../src/worlds/frozenLakeMaps.ts';
import { seededUniform } from '../../src/worlds/tabular.ts';
import type { Step, World } from '../../src/worlds/world.ts';

/** One or more of every world; a new one adds its lines. */
const samples: readonly World[] = [
  frozenLake(),
  frozenLake({ map: '8x8', isSlippery: false }),
  frozenLake({ map: randomLakeMap({ size: 6, frozen: 0.7, seed: 1 }), successRate: 0.8, maxSteps: 12 }),
];

/** An episode of actions that are drawn evenly. */
function live(world: World, seed: number): Step[] {
  const [episode, chance] = [world.start(seed), seededUniform(seed, 'actions')];
  const steps: Step[] = [];
  for (let last: Step | undefined; !last?.terminated && !last?.truncated;) {
    last = episode.step(Math.floor(world.actions.length * chance(steps.length)));
    assert.equal(episode.observation(), last.observation);
    steps.push(last);
  }
  return steps;
}

samples.forEach((world, number) => {
  const name = `${world.type} ${number}`;

  test(`${name}: an episode is a function of its seed and the actions`, () => {
    const all = Array.from({ length: 8 }, (_, seed) => live(world, seed));
    assert.deepEqual(
      Array.from({ length: 8 }, (_, seed) => live(world, seed)),
      all,
    );
    assert.ok(new Set(all.map((steps) => JSON.stringify(steps))).size > 1);
  });

  test(`${name}: observations, rewards and lengths are what it says`, () => {
    const [least, greatest] = world.rewards;
    for (let seed = 0; seed < 50; seed++) {
      const steps = live(world, seed);
      assert.ok(steps.length <= world.maxSteps);
      assert.equal(steps.at(-1)?.truncated, steps.length === world.maxSteps);
      for (const { observation, reward } of steps) {
        assert.ok(Number.isInteger(observation) && observation >= 0 && observation < world.observations);
        assert.ok(reward >= least && reward <= greatest);
      }
    }
    const { optimum } = world;
    assert.ok(optimum === undefined || (optimum > least && optimum <= greatest * world.maxSteps));
  });

  test(`${name}: an action that it does not have is refused, and one after the end`, () => {
    for (const action of [-1, world.actions.length, 0.5, Number.NaN])
      assert.throws(() => world.start(1).step(action), /Expected an action below/);
    const episode = world.start(1);
    assert.throws(() => {
      for (let step = 0; step <= world.maxSteps; step++) episode.step(0);
    }, /Expected an episode that goes on/);
  });
});
