import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { generate } from '../../src/loop/generate.ts';
import { openModel, tokenizerOf } from '../../src/loop/model.ts';
import { rollOut } from '../../src/loop/rollOut.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { frozenLake } from '../../src/worlds/frozenLake.ts';
import { randomLakeMap } from '../../src/worlds/frozenLakeMaps.ts';
import { lakeText } from '../../src/worlds/frozenLakeText.ts';

const engine = ortEngine({ threads: 2 });
const loaded = await openModel({ model: 'nano', engine });
after(async () => {
  await loaded.close();
  engine.close();
});

const worlds = [0, 1, 2, 3, 4].map((seed) =>
  lakeText(
    frozenLake({ map: randomLakeMap({ size: 4, frozen: 0.8, seed }), isSlippery: seed > 2, maxSteps: 5 + seed }),
  ),
);
const options = { seed: 3, temperature: 1, batchSize: 3 };
const trajectories = await rollOut(loaded, worlds, options);

test('the policy of every turn is what the model says of the text so far, read as a whole', async () => {
  const tokenizer = tokenizerOf(loaded);
  for (const [i, { prompt, actions }] of worlds.entries()) {
    const firsts = actions.map((text) => tokenizer.encode(text)[0] ?? -1);
    let text = prompt;
    for (const turn of trajectories[i]?.turns ?? assert.fail()) {
      const top = new Map<number, number>();
      const prompts = [{ index: 0, ids: tokenizer.encode(text) }];
      for await (const { logprobs } of generate(loaded, prompts, { maxNewTokens: 1, logprobs: loaded.model.vocabSize }))
        for (const { id, logprob } of logprobs?.[0]?.top ?? []) top.set(id, logprob);
      const weights = firsts.map((id) => Math.exp(top.get(id) ?? Number.NaN));
      const total = weights.reduce((a, b) => a + b, 0);
      weights.forEach((weight, action) =>
        assert.ok(
          Math.abs(weight / total - (turn.policy[action] ?? Number.NaN)) < 1e-4,
          `${text}: ${turn.policy.join(' ')}`,
        ),
      );
      text += `${actions[turn.action]}${worlds[i]?.says(turn)}`;
    }
    assert.equal(text, prompt + trajectories[i]?.text);
  }
});

test('episodes end as their worlds do, and add up their rewards', () => {
  trajectories.forEach(({ turns, return: sum }, i) => {
    const { maxSteps } = worlds[i]?.world ?? assert.fail();
    assert.ok(
      turns.length <= maxSteps && turns.slice(0, -1).every(({ terminated, truncated }) => !terminated && !truncated),
    );
    assert.ok(turns.at(-1)?.terminated === true || turns.length === maxSteps);
    assert.equal(sum, turns.filter(({ reward }) => reward === 1).length);
  });
});

test('how many run at once changes nothing, another seed does, and temperature 0 takes the likeliest action', async () => {
  const actionsOf = (all: typeof trajectories) => all.map(({ turns }) => turns.map(({ action }) => action));
  assert.deepEqual(actionsOf(await rollOut(loaded, worlds, { ...options, batchSize: 2 })), actionsOf(trajectories));
  assert.notDeepEqual(actionsOf(await rollOut(loaded, worlds, { ...options, seed: 4 })), actionsOf(trajectories));
  for (const { turns } of await rollOut(loaded, worlds, { ...options, temperature: 0 }))
    for (const { action, policy } of turns) assert.equal(policy[action], Math.max(...policy));
});

test('actions that begin alike and episodes that are too long are refused, and a signal stops', async () => {
  const [world] = worlds;
  if (!world) assert.fail();
  await assert.rejects(
    rollOut(loaded, [{ ...world, actions: [' a', ' a b', ' c', ' d'] }], options),
    /begin with different tokens/,
  );
  await assert.rejects(
    rollOut(loaded, [lakeText(frozenLake({ maxSteps: 300 }))], options),
    /Expected episodes of at most 512 tokens/,
  );
  await assert.rejects(rollOut(loaded, worlds, { ...options, signal: AbortSignal.abort() }), { name: 'AbortError' });
});
