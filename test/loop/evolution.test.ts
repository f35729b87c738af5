import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Adapter } from '../../src/adapters/adapter.ts';
import type { Window } from '../../src/data/cursor.ts';
import { type RandomKey, randomKey } from '../../src/ir/random.ts';
import { plainSites } from '../../src/nn/sites.ts';
import { makeEvolution, type Score } from '../../src/loop/evolution.ts';
import { es, zScores } from '../../src/optimizers/es.ts';
import { type RandomService, randomService } from '../../src/runtime/random.ts';
import { type WeightGroup, weightStore } from '../../src/runtime/weights.ts';
import { readFixture, relativeError } from '../parity.ts';

type Values = Readonly<Record<string, readonly number[]>>;

interface Fixture {
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly start: Values;
  readonly targets: Values;
  readonly populationSize: number;
  readonly sigma: number;
  readonly learningRate: number;
  readonly cases: readonly {
    readonly shared: boolean;
    readonly steps: readonly {
      readonly noise: readonly Values[];
      readonly rewards: readonly number[];
      readonly parameters: Values;
    }[];
  }[];
}

const fixture = readFixture('es.json') as Fixture;
const window: Window = { batches: [], epoch: 0, tokens: 0, supervisedTokens: 0, endsEpoch: false };
const adapter: Adapter = { type: 'plain', parameters: [], drops: false, sites: () => plainSites, merges: [] };

/** Parameters in a store, started from the fixture's. */
async function opened(shapes = fixture.shapes, start: Values = fixture.start) {
  const store = weightStore();
  const weights = store.allocate(
    'adapter',
    Object.entries(shapes).map(([name, shape]) => ({ name, shape })),
  );
  for (const { name, f32 } of weights.members) (await f32()).set(start[name] ?? []);
  return { store, attached: { adapter, weights, states: store.allocate('states', []) }, weights };
}

const valuesOf = async ({ members }: WeightGroup): Promise<Record<string, readonly number[]>> =>
  Object.fromEntries(await Promise.all(members.map(async ({ name, f32 }) => [name, [...(await f32())]] as const)));

/** -|θ - target|² over all parameters. */
const quadratic = (weights: WeightGroup, targets: Values) => async (): Promise<Score> => {
  let total = 0;
  for (const [name, values] of Object.entries(await valuesOf(weights)))
    values.forEach((value, i) => (total -= (value - (targets[name]?.[i] ?? NaN)) ** 2));
  return { score: total, tokens: 1, metrics: {} };
};

/** The noise of a fixture where its key asks for it; what no key asks for is an error. */
function noiseOf({ steps, shared }: Fixture['cases'][number], seed: number): Pick<RandomService, 'addNormal'> {
  const known = new Map<string, readonly number[]>();
  steps.forEach(({ noise }, step) =>
    noise.forEach((by, point) => {
      for (const [name, values] of Object.entries(by)) {
        const stream = shared ? `noise ${point}` : `noise ${point} of ${name}`;
        known.set(`${String(randomKey(seed, stream, step + 1))} ${values.length}`, values);
      }
    }),
  );
  return {
    addNormal: async (target, key: RandomKey, scale) => {
      const values = known.get(`${String(key)} ${target.length}`) ?? assert.fail(`no noise of ${String(key)}`);
      values.forEach((value, i) => (target[i] = (target[i] ?? 0) + scale * value));
    },
  };
}

for (const each of fixture.cases) {
  test(`steps are those of the official code's formulas, ${each.shared ? 'one noise for tensors of one shape' : 'noise for each tensor'}`, async () => {
    const { store, attached, weights } = await opened();
    const { populationSize, sigma, learningRate, targets } = fixture;
    const found: number[][] = [[]];
    const measured = quadratic(weights, targets);
    const trainer = makeEvolution(
      { store, engine: { random: { ...randomService(), ...noiseOf(each, 5) } } },
      {
        attached,
        strategy: es({ populationSize, sigma, sharedNoise: each.shared }),
        learningRate: () => learningRate,
        seed: 5,
        score: async () => {
          const score = await measured();
          found.at(-1)?.push(score.score ?? NaN);
          return score;
        },
      },
    );
    for (const { rewards, parameters } of each.steps) {
      const outcome = await trainer.run(window);
      assert.ok(relativeError(found.at(-1) ?? [], rewards) < 1e-6);
      const mean = rewards.reduce((sum, value) => sum + value, 0) / rewards.length;
      assert.ok(Math.abs(outcome.loss + mean) < 1e-4 && outcome.tokens === populationSize);
      assert.ok(Math.abs((outcome.metrics['rewardMax'] ?? NaN) - Math.max(...rewards)) < 1e-4);
      const now = await valuesOf(weights);
      for (const [name, values] of Object.entries(parameters)) {
        const error = relativeError(now[name] ?? [], values);
        assert.ok(error < 1e-6, `${name}: ${error}`);
      }
      found.push([]);
    }
    assert.equal(trainer.step(), each.steps.length);
  });
}

test('the mean update on a quadratic is α σ / std R times the gradient', async () => {
  const size = 8;
  const shapes = { a: [size] };
  const [start, target] = [Array.from({ length: size }, (_, i) => i / 4), Array.from({ length: size }, () => 0)];
  const { store, attached, weights } = await opened(shapes, { a: start });
  const [sigma, rate] = [1e-3, 0.5];
  const trainer = makeEvolution(
    { store, engine: { random: randomService() } },
    {
      attached,
      strategy: es({ populationSize: 4000, sigma, sharedNoise: false }),
      learningRate: () => rate,
      seed: 1,
      score: quadratic(weights, { a: target }),
    },
  );
  const { metrics, gradNorm } = await trainer.run(window);
  const after = (await valuesOf(weights))['a'] ?? [];
  const factor = (rate * sigma) / (metrics['rewardStd'] ?? NaN);
  const moved = after.map((value, i) => value - (start[i] ?? 0));
  assert.ok(Math.abs(gradNorm - Math.hypot(...moved) / rate) < 1e-5 * gradNorm);
  // The deviation of each mean over 4,000 points is α / √4000.
  moved.forEach((step, i) =>
    assert.ok(Math.abs(step - factor * -2 * (start[i] ?? 0)) < (4.5 * rate) / Math.sqrt(4000), `${i}: ${step}`),
  );
});

test('weights are put back bit for bit between points, and where scoring fails; a step of equal rewards changes nothing', async () => {
  const { store, attached, weights } = await opened();
  const before = await valuesOf(weights);
  const seen: string[] = [];
  let [fails, versions] = [true, 0];
  const trainer = makeEvolution(
    { store, engine: { random: randomService() } },
    {
      attached,
      strategy: es({ populationSize: 3, sigma: 0.3, sharedNoise: false }),
      learningRate: () => 0.1,
      seed: 2,
      score: async () => {
        seen.push(JSON.stringify(await valuesOf(weights)));
        versions = weights.flat.version();
        if (fails && seen.length === 3) throw new Error('no answer');
        return { score: seen.length % 2 === 0 ? null : 1, tokens: 0, metrics: {} };
      },
    },
  );
  await assert.rejects(trainer.run(window), /no answer/);
  assert.deepEqual(await valuesOf(weights), before);
  assert.equal(trainer.step(), 0);
  fails = false;
  const failed = [...seen];
  const outcome = await trainer.run(window);
  assert.deepEqual(seen.slice(3), failed, 'the points of a step are the same again');
  assert.equal(new Set(seen).size, 3);
  assert.ok(!seen.includes(JSON.stringify(before)));
  assert.deepEqual(await valuesOf(weights), before);
  assert.deepEqual([outcome.loss, outcome.gradNorm], [-1, 0]);
  assert.ok(weights.flat.version() > versions, 'programs see the weights that were put back');
});

test('scores: what has none counts nowhere; none at all is an error, as are adapters that drop', async () => {
  assert.deepEqual(
    zScores([1, null, 3]).map((z) => Math.round(1e6 * z) / 1e6),
    [-1, 0, 1],
  );
  assert.deepEqual(zScores([2, 2]), [0, 0]);
  const { store, attached } = await opened();
  const options = {
    attached,
    strategy: es({ populationSize: 2, sigma: 1, sharedNoise: false }),
    learningRate: () => 1,
    seed: 0,
    score: async () => ({ score: null, tokens: 0, metrics: {} }),
  };
  const place = { store, engine: { random: randomService() } };
  await assert.rejects(
    makeEvolution(place, options).run(window),
    /Expected a score in step 1 but none of 2 points has one/,
  );
  const drops = { ...options, attached: { ...attached, adapter: { ...adapter, drops: true } } };
  assert.throws(
    () => makeEvolution(place, drops),
    /optimizer\.type: es has no dropout, which the adapter plain asks for/,
  );
});
