/**
 * Scores answers with a reward of one's own: several samples of each prompt, a grade with its reason for each.
 *
 *     node reward.ts MODEL prompts.jsonl [ADAPTER]
 *
 * Lines of prompts.jsonl are {"prompt", "completion"}; the completion is what is expected.
 */
import { readFileSync } from 'node:fs';
import { exactMatch, generate, loadModel, type Reward } from 'tuneloop';

const [name = 'nano', file = 'prompts.jsonl', adapter] = process.argv.slice(2);
const rows = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { prompt: string; completion: string });

/** Brief answers are better; nothing at all is no answer. */
const brief: Reward = {
  name: 'brief',
  range: [0, 1],
  grade: ({ completion }) => {
    const words = completion.split(/\s+/).filter((word) => word !== '').length;
    return words === 0
      ? { score: null, reason: 'nothing was written' }
      : { score: 1 / words, reason: `${words} words` };
  },
};

const model = await loadModel(name, adapter === undefined ? {} : { adapter });
const totals = new Map<string, number[]>();
for await (const { index, sample, text } of generate(model, rows, {
  maxNewTokens: 24,
  samples: 2,
  temperature: 0.7,
  seed: 3,
})) {
  for (const reward of [exactMatch, brief]) {
    const { score, reason } = await reward.grade({ completion: text, reference: rows[index]?.completion });
    console.log(`prompt ${index}, sample ${sample}: ${reward.name} ${score ?? 'none'} (${reason})`);
    if (score !== null) totals.set(reward.name, [...(totals.get(reward.name) ?? []), score]);
  }
}
for (const [reward, scores] of totals) {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  console.log(`${reward}: ${mean.toFixed(3)} in the mean of ${scores.length}`);
}
await model.close();
