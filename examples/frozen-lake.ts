/**
 * Lets a language model act in a world: it walks over frozen lakes that it reads as text, and says how sure it is of every step.
 *
 *     node frozen-lake.ts [MODEL] [ADAPTER]
 *
 * nano has not learned to; `tuneloop papers run 087 --out DIR` teaches it.
 */
import { frozenLake, lakeText, loadModel, randomLakeMap, rollOut } from 'tuneloop';

const [name = 'nano', adapter] = process.argv.slice(2);
const lakes = [1, 2, 3].map((seed) =>
  frozenLake({ map: randomLakeMap({ size: 4, frozen: 0.8, seed }), isSlippery: false, maxSteps: 12 }),
);
const model = await loadModel(name, adapter === undefined ? {} : { adapter });
const trajectories = await rollOut(
  model,
  lakes.map((lake) => lakeText(lake)),
  { seed: 1, temperature: 1, batchSize: 3 },
);
for (const [i, { turns, text, return: reached }] of trajectories.entries()) {
  console.log(
    `${lakes[i]?.map.join(' ')}: ${reached === 1 ? 'reached the goal' : 'did not arrive'} in ${turns.length} steps`,
  );
  console.log(`  ${text}`);
  const sure = turns.map(({ policy, action }) => Math.round(100 * (policy[action] ?? 0)));
  console.log(`  probability of each step, in percent: ${sure.join(' ')}`);
}
await model.close();
