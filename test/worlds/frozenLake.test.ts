import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { frozenLake } from '../../src/worlds/frozenLake.ts';
import { hasWay, lakeMaps, randomLakeMap } from '../../src/worlds/frozenLakeMaps.ts';
import { lakeText } from '../../src/worlds/frozenLakeText.ts';
import { actionValues, seededUniform, tabularEpisode, type Transitions } from '../../src/worlds/tabular.ts';

interface Fixture {
  readonly lakes: readonly {
    readonly map: readonly string[];
    readonly isSlippery: boolean;
    readonly successRate: number;
    readonly maxSteps: number;
    readonly transitions: readonly (readonly (readonly [number, number, number, number][])[])[];
    readonly optimum: number;
    readonly episodes: readonly {
      readonly uniforms: readonly number[];
      readonly actions: readonly number[];
      readonly steps: readonly [number, number, number, number][];
    }[];
  }[];
  readonly ways: readonly { readonly map: readonly string[]; readonly valid: boolean }[];
}

const fixture = JSON.parse(readFileSync(new URL('../fixtures/frozenLake.json', import.meta.url), 'utf8')) as Fixture;

for (const { map, isSlippery, successRate, maxSteps, transitions, optimum, episodes } of fixture.lakes) {
  const lake = frozenLake({ map, isSlippery, successRate, maxSteps });
  const name = `${map.join('/')}${isSlippery ? `, slippery, ${successRate.toFixed(2)}` : ''}, ${maxSteps} steps`;

  test(`${name}: the table is Gymnasium's, and so is the optimum`, () => {
    const table = lake.transitions.map((actions) =>
      actions.map((outcomes) =>
        outcomes.map(({ probability, next, reward, terminated }) => [probability, next, reward, Number(terminated)]),
      ),
    );
    assert.deepEqual(table, transitions);
    assert.ok(Math.abs((lake.optimum ?? Number.NaN) - optimum) < 1e-12);
  });

  test(`${name}: episodes go as Gymnasium's with the same draws`, () => {
    for (const { uniforms, actions, steps } of episodes) {
      const episode = tabularEpisode(lake.transitions, {
        start: lake.startState,
        maxSteps,
        uniform: (step) => uniforms[step - 1] ?? Number.NaN,
      });
      const found = actions.map((action) => {
        const { observation, reward, terminated, truncated } = episode.step(action);
        assert.equal(episode.observation(), observation);
        return [observation, reward, Number(terminated), Number(truncated)];
      });
      assert.deepEqual(found, steps);
      assert.throws(() => episode.step(0), /an episode that goes on but it ended at step/);
    }
  });
}

test('the optimum of the maps that Gymnasium names is the one that it tells', () => {
  assert.equal(frozenLake().optimum?.toFixed(2), '0.74');
  assert.equal(frozenLake({ map: '8x8' }).optimum?.toFixed(2), '0.91');
  assert.deepEqual(fixture.lakes[0]?.map, lakeMaps['4x4']);
});

test("a map has a way where Gymnasium's is_valid says so", () => {
  for (const { map, valid } of fixture.ways) assert.equal(hasWay(map), valid, map.join('/'));
});

test('random maps have a way, are the same for a seed, and as many holes as asked for', () => {
  const draw = (seed: number) => randomLakeMap({ size: 8, frozen: 0.8, seed });
  assert.deepEqual(draw(3), draw(3));
  assert.notDeepEqual(draw(3), draw(4));
  const maps = Array.from({ length: 200 }, (_, seed) => draw(seed));
  assert.ok(maps.every((map) => hasWay(map) && map[0]?.[0] === 'S' && map[7]?.[7] === 'G'));
  const frozen = maps.join('').split('F').length - 1;
  // Holes are a little rarer than 0.2 of 62 tiles, since maps without a way are drawn again.
  assert.ok(frozen / (200 * 62) > 0.79 && frozen / (200 * 62) < 0.85, `${frozen / (200 * 62)}`);
  assert.throws(() => randomLakeMap({ size: 8, frozen: 0, seed: 1 }), /Expected a way within 10000 maps/);
});

test('what is no map is refused by row and tile', () => {
  assert.throws(
    () => frozenLake({ map: ['SF', 'FX'] }),
    /map: expected rows of 2 tiles S, F, H or G but found "FX" at row 2/,
  );
  assert.throws(() => frozenLake({ map: ['SF', 'FFG'] }), /found "FFG" at row 2/);
  assert.throws(() => frozenLake({ map: ['FF', 'FG'] }), /expected one tile S but found 0/);
  assert.throws(() => frozenLake({ map: [] }), /expected one tile S but found 0/);
});

/** V(s) of a policy π(a|s), given by state, with n steps left: the expected sum of rewards. */
function policyValues(
  transitions: Transitions,
  policy: readonly (readonly number[])[],
  steps: number,
): readonly number[] {
  let values = transitions.map(() => 0);
  for (let n = 0; n < steps; n++)
    values = transitions.map((actions, state) =>
      actions.reduce(
        (sum, choices, action) =>
          sum +
          (policy[state]?.[action] ?? 0) *
            choices.reduce(
              (inner, { probability, next, reward, terminated }) =>
                inner + probability * (reward + (terminated ? 0 : (values[next] ?? Number.NaN))),
              0,
            ),
        0,
      ),
    );
  return values;
}

test('a policy is worth what its episodes come to', () => {
  const lake = frozenLake();
  const even = lake.transitions.map(() => [0.25, 0.25, 0.25, 0.25]);
  const worth = policyValues(lake.transitions, even, lake.maxSteps)[0] ?? Number.NaN;
  const episodes = 2000;
  let reached = 0;
  for (let seed = 0; seed < episodes; seed++) {
    const [episode, chance] = [lake.start(seed), seededUniform(seed, 'actions')];
    for (let step = 1, over = false; !over; step++) {
      const { reward, terminated, truncated } = episode.step(Math.floor(4 * chance(step)));
      reached += reward;
      over = terminated || truncated;
    }
  }
  // Five standard deviations.
  assert.ok(
    Math.abs(reached / episodes - worth) < 5 * Math.sqrt((worth * (1 - worth)) / episodes),
    `${reached} of ${episodes} for ${worth}`,
  );
});

test('with time enough the best policy crosses the slippery 4x4 lake with 14 of 17', () => {
  const { transitions } = frozenLake();
  const best = actionValues(transitions, 5000).map((values) => {
    const greatest = Math.max(...values);
    return values.map((value) => Number(value === greatest));
  });
  const one = best.map((row) => row.map((v, action) => (row.indexOf(1) === action ? v : 0)));
  assert.ok(Math.abs((policyValues(transitions, one, 5000)[0] ?? 0) - 14 / 17) < 1e-9);
});

test('a lake in words says where holes and goal are, and what came of each action', () => {
  const text = lakeText(frozenLake({ isSlippery: false }));
  assert.equal(text.prompt, 'Lake of 4 by 4. Holes: b2 b4 c4 d1. Goal: d4. Way: a1');
  const episode = text.world.start(1);
  const way = [1, 1, 2, 2, 1, 2].map((action) => `${text.actions[action]}${text.says(episode.step(action))}`);
  assert.equal(way.join(''), ' down b1 down c1 right c2 right c3 down d3 right d4.');
});
