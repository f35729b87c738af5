import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLakes, shortestPolicy, stepsToReward } from '../../src/papers/lakes.ts';
import { policyDistance } from '../../src/papers/policyDistance.ts';
import { frozenLake, lakeActions } from '../../src/worlds/frozenLake.ts';

const options = { count: 60, size: 4, frozen: 0.7, maxSteps: 12, seed: 5 };
const lakes = makeLakes(options);
const actionsOf = (way: string): number[] =>
  way.split(' ').flatMap((word) => lakeActions.flatMap((name, action) => (name === word ? [action] : [])));

test('lakes differ, are the same for a seed, and their shortest ways are as short as they can be', () => {
  assert.deepEqual(
    makeLakes(options).map(({ chosen, rejected }) => [chosen, rejected]),
    lakes.map(({ chosen, rejected }) => [chosen, rejected]),
  );
  assert.equal(new Set(lakes.map(({ prompt }) => prompt)).size, 60);
  for (const { lake, chosen } of lakes) {
    const length = actionsOf(chosen).length;
    // With a step less the goal is out of reach, with these many it is reached.
    assert.equal(frozenLake({ map: lake.map, isSlippery: false, maxSteps: length }).optimum, 1);
    if (length > 1) assert.equal(frozenLake({ map: lake.map, isSlippery: false, maxSteps: length - 1 }).optimum, 0);
    const episode = lake.start(0);
    assert.equal(
      actionsOf(chosen)
        .map((action) => episode.step(action).reward)
        .at(-1),
      1,
    );
  }
});

test('the other way goes wrong once: it is longer, or ends in a hole', () => {
  let holes = 0;
  for (const { lake, chosen, rejected } of lakes) {
    const episode = lake.start(0);
    const steps = actionsOf(rejected).map((action) => episode.step(action));
    const last = steps.at(-1) ?? assert.fail();
    assert.ok(last.terminated || last.truncated);
    if (last.reward === 0) holes++;
    else assert.ok(steps.length > actionsOf(chosen).length);
  }
  assert.ok(holes > 5 && holes < 55, `${holes}`);
});

test('a policy is as far from the shortest ways as its squares say', () => {
  const { transitions, startState } = frozenLake({ isSlippery: false });
  const steps = stepsToReward(transitions);
  assert.equal(steps[startState], 6);
  assert.deepEqual(shortestPolicy(transitions, steps, startState), [0, 0.5, 0.5, 0]);
  // In the upper right corner one goes back: away from the hole below.
  assert.deepEqual(shortestPolicy(transitions, steps, 3), [1, 0, 0, 0]);
  const turn = { seen: startState, action: 0, observation: 0, reward: 0, terminated: false, truncated: true };
  const distance = policyDistance(
    [{ lake: frozenLake({ isSlippery: false }), prompt: '', chosen: '', rejected: '' }],
    [{ return: 0, text: '', turns: [{ ...turn, policy: [0.1, 0.2, 0.7, 0] }] }],
  );
  assert.ok(Math.abs(distance - (0.01 + 0.09 + 0.04) / 4) < 1e-12);
});
