// Measures what nano can do, on questions that are drawn anew, and writes the model card.
// node tools/nano/measure.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { chooseEngine } from '../../src/loop/engines.ts';
import { gradeTask, type TaskItem, taskItem } from '../../src/loop/gradeTask.ts';
import { generate } from '../../src/loop/generate.ts';
import { openModel, tokenizerOf } from '../../src/loop/model.ts';
import { wilson } from '../../src/loop/wilson.ts';
import { exactMatch } from '../../src/rewards/exactMatch.ts';
import { sizeOf } from '../../src/ir/types.ts';
import { drawer } from './draw.ts';
import { lessons } from './lessons.ts';
import { textSets } from './prepare.ts';
import { text, training as recipe } from './recipe.ts';
import { bookRows } from './books.ts';
import { sampledRows } from './sampled.ts';

interface Training {
  readonly steps: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly engine: { readonly threads: number };
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[];
  readonly curve: readonly { readonly step: number; readonly loss: number }[];
}

const folder = new URL('../../assets/nano/', import.meta.url).pathname;
const training = JSON.parse(readFileSync(`${folder}training.json`, 'utf8')) as Training;
const questions = 200;
const about: Readonly<Record<keyof typeof lessons, string>> = {
  reading: 'questions about one or two sentences that stand before them',
  arithmetic: 'sums and differences with terms up to 12',
  copying: 'words, signs and numbers said again, first and last words',
  facts: 'opposites, animals, plurals, capitals, days, months',
  instructions: 'choosing, comparing, ordering, counting, turning words round',
  country: 'towns, people and things that do not exist',
};
const asked = new Set(
  textSets().flatMap(({ rows }) => rows.flatMap((row) => ('text' in row ? [] : [row.prompt.at(-1)?.content]))),
);

const { engine } = await chooseEngine({ name: 'auto' });
const loaded = await openModel({ model: folder, engine });
const chatItem = (index: number, question: string, answer: string): TaskItem =>
  taskItem(
    index,
    {
      kind: 'chatPair',
      prompt: [{ role: 'user', content: question }],
      completion: [{ role: 'assistant', content: answer }],
    },
    tokenizerOf(loaded),
  );
const skills: string[] = [];
for (const [name, lesson] of Object.entries(lessons)) {
  const items = Array.from({ length: questions }, (_, index) => {
    const { question, answer } = lesson(drawer(text.seed, `measure ${name}`, index));
    return chatItem(index, question, answer);
  });
  const fresh = items.filter(({ question }) => !asked.has(question)).length;
  const answers = await gradeTask(loaded, items, exactMatch, { maxNewTokens: 64, batchSize: 50 });
  const right = answers.filter(({ score }) => score === 1).length;
  const [low, high] = wilson(right, questions).map((share) => (100 * share).toFixed(0));
  const skill = about[name as keyof typeof lessons];
  skills.push(`| ${name} | ${skill} | ${fresh} of ${questions} | ${right} of ${questions} (${low}% to ${high}%) |`);
  for (const { question, answer, reference } of answers.filter(({ score }) => score === 0).slice(0, 3))
    process.stderr.write(`${name}: ${question} → ${answer} (${reference})\n`);
}
const sampling = { temperature: 0.7, topK: 0, topP: 1, seed: 1 };
const stories: string[] = [];
const prompt = { index: 0, ids: tokenizerOf(loaded).encode('Mia') };
for await (const { text } of generate(loaded, [prompt, { ...prompt, index: 1 }], {
  ...sampling,
  maxNewTokens: 60,
  batchSize: 2,
}))
  stories.push(`> Mia${text}`);
const manners = [
  'Tell me in two short sentences what snow is.',
  'Write three short sentences about a horse. Use easy words.',
];
const answers = await gradeTask(
  loaded,
  manners.map((question, index) => chatItem(index, question, '')),
  exactMatch,
  { maxNewTokens: 60, batchSize: 2 },
);
const parameters = loaded.model.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
await loaded.close();
engine.close();

const [first, last] = [training.evaluations[0], training.evaluations.at(-1)];
const every = Math.ceil(training.curve.length / 10);
const curve = training.curve.filter((_, i) => i % every === every - 1 || i === 0);
const facts: Readonly<Record<string, string | number>> = {
  parameters: parameters.toLocaleString('en'),
  rows: text.rows.toLocaleString('en'),
  book: bookRows().length,
  bookTimes: text.bookTimes,
  sampled: sampledRows().length,
  sampledTimes: text.sampledTimes,
  evalRows: text.evalRows,
  seed: text.seed,
  rate: recipe.optimizer.learningRate,
  threads: training.engine.threads,
  tokens: training.tokens.toLocaleString('en'),
  steps: training.steps.toLocaleString('en'),
  minutes: (training.seconds / 60).toFixed(0),
  before: (first?.loss ?? Number.NaN).toFixed(3),
  after: (last?.loss ?? Number.NaN).toFixed(3),
  curve: `| step | ${curve.map(({ step }) => step).join(' | ')} |\n|---|${'---|'.repeat(curve.length)}\n| loss | ${curve.map(({ loss }) => loss.toFixed(3)).join(' | ')} |`,
  skills: skills.join('\n'),
  stories: stories.join('\n>\n'),
  answers: answers.map(({ question, answer }) => `> ${question}\n> → ${answer}`).join('\n>\n'),
};
const card = readFileSync(new URL('card.md', import.meta.url), 'utf8').replaceAll(/\{(\w+)\}/g, (_, name: string) => {
  const fact = facts[name];
  if (fact === undefined) throw new RangeError(`card.md: expected a measured fact but found {${name}}`);
  return String(fact);
});
writeFileSync(`${folder}README.md`, card);
