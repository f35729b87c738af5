// What SmolLM2-135M-Instruct is asked for the text of nano, and what it answered, as tools/nano/data/sampled.jsonl.gz.
// node tools/nano/ask.ts DIR           writes DIR/ask-0.jsonl and DIR/ask-1.jsonl, 96 questions each
// npx tuneloop generate --model HuggingFaceTB/SmolLM2-135M-Instruct --data DIR/ask-N.jsonl --out DIR/answers-N.jsonl \
//   --max-new-tokens 72 --temperature 0.6 --top-p 0.9 --batch-size 96 --seed 1        for both
// node tools/nano/ask.ts DIR --join    joins questions and answers
// The committed file holds the first 24 once more, answered in up to 80 tokens in one batch.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { drawer } from './draw.ts';
import { toLines } from './records.ts';
import { animals, colors, people, places, things } from './words.ts';

const [folder, joined] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('Expected a folder');
const batches = [0, 1];
const perBatch = 96;

const objects = [
  'rain', 'snow', 'the sun', 'the moon', 'wind', 'water', 'bread', 'milk', 'a tree', 'a river', 'a house', 'a school', 'a doctor', 'a teacher', 'a farmer',
  'a friend', 'a family', 'winter', 'summer', 'night', 'a road', 'a ship', 'a train', 'a clock', 'a door', 'a window', 'music', 'a game', 'sleep', 'fire',
] as const; // prettier-ignore

function question(index: number): string {
  const draw = drawer(1, 'ask', index);
  const [who, other] = draw.some(people, 2);
  const [animal] = draw.of(animals);
  const [thing] = draw.of(things);
  const place = draw.of(places);
  return draw.of([
    `Write a very short story for small children about ${who}, a ${animal} and a ${draw.of(colors)} ${thing}. Use easy words and short sentences.`,
    `Write a very short story for small children about ${who} and ${other} in the ${place}. Use easy words and short sentences.`,
    `Tell me in two short sentences what ${draw.of(objects)} is.`,
    `Write three short sentences about a ${animal}. Use easy words.`,
    `Write three short sentences about a ${thing}. Use easy words.`,
    `Describe a day at the ${place} in three short sentences.`,
    `Why do people like ${draw.of(objects)}? Answer in one short sentence.`,
  ]);
}

const questions = (batch: number): string[] =>
  Array.from({ length: perBatch }, (_, index) => question(batch * perBatch + index));

if (joined === undefined) {
  for (const batch of batches) {
    const rows = questions(batch).map((content) => ({ messages: [{ role: 'user', content }] }));
    writeFileSync(join(folder, `ask-${batch}.jsonl`), toLines(rows));
  }
} else {
  const rows = batches.flatMap((batch) => {
    const asked = questions(batch);
    const lines = readFileSync(join(folder, `answers-${batch}.jsonl`), 'utf8')
      .trim()
      .split('\n');
    return lines.map((line) => {
      const { index, text } = JSON.parse(line) as { index: number; text: string };
      return { question: asked[index], text };
    });
  });
  writeFileSync(new URL('data/sampled.jsonl.gz', import.meta.url), gzipSync(toLines(rows), { level: 9 }));
}
