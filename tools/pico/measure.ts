// Measures what pico can do, on questions that are drawn anew, and writes the model card.
// node tools/pico/measure.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { chooseEngine } from '../../src/loop/engines.ts';
import { gradeTask, taskItem } from '../../src/loop/gradeTask.ts';
import { generate } from '../../src/loop/generate.ts';
import { openModel, tokenizerOf } from '../../src/loop/model.ts';
import { wilson } from '../../src/loop/wilson.ts';
import { exactMatch } from '../../src/rewards/exactMatch.ts';
import { sizeOf } from '../../src/ir/types.ts';
import { drawer } from './draw.ts';
import { lessons } from './lessons.ts';
import { recipe } from './recipe.ts';

interface Training {
  readonly steps: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[];
  readonly curve: readonly { readonly step: number; readonly loss: number }[];
}

const folder = new URL('../../assets/pico/', import.meta.url).pathname;
const training = JSON.parse(readFileSync(`${folder}training.json`, 'utf8')) as Training;
const questions = 200;
const about: Readonly<Record<keyof typeof lessons, string>> = {
  reading: 'questions about one or two sentences that stand before them; new sentences',
  arithmetic: 'sums and differences with terms up to 12; all of them occur in its text',
  copying: 'words, signs and numbers said again, first and last words; new sequences',
  facts: 'opposites, animals, plurals, capitals, days, months; all of them occur in its text',
  country: 'twelve towns that do not exist: river, flag, trade; all of them occur in its text',
};

const { engine } = await chooseEngine({ name: 'auto' });
const loaded = await openModel({ model: folder, engine });
const rows: string[] = [];
for (const [name, lesson] of Object.entries(lessons)) {
  const items = Array.from({ length: questions }, (_, index) => {
    const { question, answer } = lesson(drawer(recipe.seed, `measure ${name}`, index));
    const pair = {
      kind: 'chatPair',
      prompt: [{ role: 'user', content: question }],
      completion: [{ role: 'assistant', content: answer }],
    } as const;
    return taskItem(
      index,
      { ...pair, prompt: [...pair.prompt], completion: [...pair.completion] },
      tokenizerOf(loaded),
    );
  });
  const answers = await gradeTask(loaded, items, exactMatch, { maxNewTokens: 64, batchSize: 50 });
  const right = answers.filter(({ score }) => score === 1).length;
  const [low, high] = wilson(right, questions).map((share) => (100 * share).toFixed(0));
  rows.push(`| ${name} | ${about[name as keyof typeof lessons]} | ${right} of ${questions} (${low}% to ${high}%) |`);
  for (const { question, answer, reference } of answers.filter(({ score }) => score === 0).slice(0, 3))
    process.stderr.write(`${name}: ${question} → ${answer} (${reference})\n`);
}
const stories: string[] = [];
const prompt = { index: 0, ids: tokenizerOf(loaded).encode('Mia') };
for await (const { text } of generate(loaded, [prompt, { ...prompt, index: 1 }], {
  maxNewTokens: 60,
  batchSize: 2,
  temperature: 0.7,
  topK: 0,
  topP: 1,
  seed: 1,
}))
  stories.push(`> Mia${text}`);
const parameters = loaded.model.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
await loaded.close();
engine.close();

const [first, last] = [training.evaluations[0], training.evaluations.at(-1)];
const every = Math.ceil(training.curve.length / 10);
const curve = training.curve.filter((_, i) => i % every === every - 1 || i === 0);
const card = readFileSync(new URL('card.md', import.meta.url), 'utf8')
  .replace('{parameters}', parameters.toLocaleString('en'))
  .replace('{rows}', recipe.rows.toLocaleString('en'))
  .replace('{tokens}', training.tokens.toLocaleString('en'))
  .replace('{steps}', String(training.steps))
  .replace('{minutes}', (training.seconds / 60).toFixed(0))
  .replace('{before}', (first?.loss ?? Number.NaN).toFixed(3))
  .replace('{after}', (last?.loss ?? Number.NaN).toFixed(3))
  .replace(
    '{curve}',
    `| step | ${curve.map(({ step }) => step).join(' | ')} |\n|---|${'---|'.repeat(curve.length)}\n| loss | ${curve.map(({ loss }) => loss.toFixed(3)).join(' | ')} |`,
  )
  .replace('{skills}', rows.join('\n'))
  .replace('{stories}', stories.join('\n>\n'));
writeFileSync(`${folder}README.md`, card);
