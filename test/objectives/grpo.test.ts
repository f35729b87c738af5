import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { groupAdvantages } from '../../src/objectives/advantages.ts';
import { grpo, grpoUnit } from '../../src/objectives/grpo.ts';
import { answerBatches, withOldLogprobs } from '../../src/loop/answerBatches.ts';
import { generationsOf } from '../../src/loop/generations.ts';
import { openModel } from '../../src/loop/model.ts';
import { policyLoss } from '../../src/loop/policyLoss.ts';
import { gradientName } from '../../src/loop/programs.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { camelCase, evaluateExactly, fixture, readFixture } from '../parity.ts';

interface Case {
  readonly config: Readonly<Record<string, unknown>>;
  readonly rewards: readonly (number | null)[];
  /** B is multiplied by this between the answers and learning from them. */
  readonly moved?: number;
  readonly advantages: readonly number[];
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, readonly [norm: number, product: number]>>;
}

interface Fixture {
  readonly prompts: readonly { readonly ids: number[] }[];
  readonly completions: readonly number[][];
  readonly cases: readonly Case[];
}

const { prompts, completions, cases } = readFixture('grpo.json') as Fixture;
const engine = ortEngine({ threads: 1 });
after(() => engine.close());

const [group, stop] = [4, 2];
const answers = (rewards: Case['rewards']) =>
  completions.map((ids, i) => ({
    item: { index: Math.floor(i / group), ids: prompts[Math.floor(i / group)]?.ids ?? assert.fail() },
    ids,
    finishReason: ids.at(-1) === stop ? ('stop' as const) : ('length' as const),
    score: rewards[i] ?? null,
  }));

/** Ours by TRL's names. */
const told = {
  kl: 'kl',
  entropy: 'entropy',
  clipRatioLow: 'clip_ratio/low_mean',
  clipRatioHigh: 'clip_ratio/high_mean',
  clipRatio: 'clip_ratio/region_mean',
} as const;

for (const each of cases) {
  const given = Object.fromEntries(Object.entries(each.config).map(([name, value]) => [camelCase(name), value]));
  test(`${JSON.stringify({ ...given, moved: each.moved })}: advantages, loss, figures and gradients are TRL's`, async () => {
    const config = grpoUnit.schema.parse({ type: 'grpo', numGenerations: group, maxCompletionLength: 6, ...given });
    const objective = grpo({ ...config, numIterations: each.moved === undefined ? 1 : 2 });
    const loaded = await openModel({ model: fixture('models/chat'), adapter: fixture('preferences/adapter'), engine });
    const { adapter, weights } = loaded.attached ?? assert.fail();
    const made = answerBatches(objective, answers(each.rewards), {
      places: completions.map((_, i) => i),
      batchSize: group,
    });
    const advantages = made.batches.flatMap(({ answered }) => [...(answered?.advantages ?? [])]);
    each.advantages.forEach((value, i) => assert.ok(Math.abs((advantages[i] ?? NaN) - value) < 1e-5, `${i}`));
    for (const [ours, theirs] of [
      ['reward', 'reward'],
      ['rewardStd', 'reward_std'],
      ['fracRewardZeroStd', 'frac_reward_zero_std'],
    ] as const)
      assert.ok(Math.abs((made.metrics[ours] ?? NaN) - (each.metrics[theirs] ?? NaN)) < 1e-6, ours);

    const generations = generationsOf(objective, { batchSize: group, gradientAccumulationSteps: 2 });
    assert.deepEqual(generations, {
      prompts: 2,
      batches: 2,
      every: each.moved === undefined ? 2 : 4,
      answersAreOld: each.moved !== undefined,
    });
    const batches = [];
    for (const batch of made.batches)
      batches.push(generations.answersAreOld ? await withOldLogprobs(loaded, batch, objective.answers) : batch);
    for (const { name, f32 } of weights.members) {
      const values = await f32();
      if (name.includes('lora_B')) values.forEach((value, i) => (values[i] = value * (each.moved ?? 1)));
    }
    weights.flat.touch();

    const task = policyLoss(loaded.model, objective, generations);
    const runs = [
      async (graph: Parameters<typeof evaluateExactly>[0], feeds: Parameters<typeof evaluateExactly>[1]) =>
        evaluateExactly(graph, feeds, loaded.store),
      async (graph: Parameters<typeof evaluateExactly>[0], feeds: Parameters<typeof evaluateExactly>[1]) =>
        (await loaded.programs.get('train', () => graph)).run(feeds),
    ];
    for (const run of runs) {
      let loss = 0;
      const figures: Record<string, number> = {};
      const gradients = new Map(adapter.parameters.map(({ name }) => [name, [] as number[]]));
      for (const batch of batches) {
        const graph = task.trainGraph(adapter, { ...batch, packed: false }, { accumulate: false, recompute: false });
        const found = await run(graph, {
          ...task.feeds(batch, graph),
          normalizer: tensor('f32', [], [1 / completions.length]),
        });
        loss += found['loss']?.data[0] ?? NaN;
        for (const name of Object.keys(told))
          figures[name] = (figures[name] ?? 0) + (found[`metric ${name}`]?.data[0] ?? NaN);
        for (const [name, sums] of gradients)
          Array.from(found[gradientName(name)]?.data ?? []).forEach((value, i) => (sums[i] = (sums[i] ?? 0) + value));
      }
      assert.ok(Math.abs(loss - each.loss) < 2e-6, `${loss} against ${each.loss}`);
      for (const [ours, theirs] of Object.entries(told)) {
        const value = each.metrics[theirs];
        if (value !== undefined)
          assert.ok(Math.abs((figures[ours] ?? NaN) - value) < 1e-5 * Math.max(1, value), `${ours} ${figures[ours]}`);
      }
      for (const [name, values] of gradients) {
        const [norm, product] = each.gradients[name] ?? assert.fail(name);
        const own = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
        assert.ok(Math.abs(own - norm) < 1e-4 * norm, `${name}: norm ${own} against ${norm}`);
        const ownProduct = values.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
        assert.ok(Math.abs(ownProduct - product) < 1e-4 * norm, `${name}: product ${ownProduct} against ${product}`);
      }
    }
    await loaded.close();
  });
}

test('the fixture has every type of loss and every scale', () => {
  const of = (name: string) => new Set(cases.flatMap(({ config }) => config[name] ?? []));
  assert.deepEqual(of('loss_type'), new Set(['grpo', 'dr_grpo', 'dapo', 'bnpo']));
  assert.deepEqual(of('scale_rewards'), new Set(['batch', 'none']));
});

test('what has no grade counts nowhere and is worth nothing, and no number is told that is none', () => {
  const { advantages, metrics } = groupAdvantages([null, 1, null, null, null, 3], 3, 'group');
  assert.deepEqual(advantages, [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(metrics, { reward: 2, rewardStd: Math.SQRT2, fracRewardZeroStd: 0 });
  assert.deepEqual(groupAdvantages([null, null], 2, 'none'), { advantages: [0, 0], metrics: { fracRewardZeroStd: 0 } });
});

test('answers given together hold whole groups: as many micro-batches as that takes, or an error', () => {
  const objective = { answers: { numGenerations: 8 }, numIterations: 1 };
  const of = (batchSize: number, gradientAccumulationSteps: number) =>
    generationsOf(objective, { batchSize, gradientAccumulationSteps });
  assert.deepEqual(of(8, 1), { prompts: 1, batches: 1, every: 1, answersAreOld: false });
  assert.deepEqual(of(4, 1), { prompts: 1, batches: 2, every: 2, answersAreOld: true });
  assert.deepEqual(of(4, 3), { prompts: 3, batches: 6, every: 6, answersAreOld: true });
  assert.throws(
    () => generationsOf({ ...objective, stepsPerGeneration: 1 }, { batchSize: 4, gradientAccumulationSteps: 1 }),
    /objective\.stepsPerGeneration: expected whole groups of 8 answers .* but found 4/,
  );
});
