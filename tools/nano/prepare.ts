import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newCheckpoint } from '../../src/loop/newCheckpoint.ts';
import { bookRows } from './books.ts';
import { learnMerges, tokenizerJson } from './bpe.ts';
import {
  config,
  generationConfig,
  specialTokens,
  taskRows,
  template,
  text,
  tokenizerConfig,
  training,
} from './recipe.ts';
import { recordRows, toLines } from './records.ts';
import { sampledRows } from './sampled.ts';
import { type TextRow, textRow, wordsOf } from './text.ts';

/** Rows of the same kind that do not stand among the others. */
function newRows(rows: readonly TextRow[]): TextRow[] {
  const known = new Set(rows.map((row) => JSON.stringify(row)));
  const fresh: TextRow[] = [];
  for (let index = text.rows; fresh.length < text.evalRows; index++) {
    const row = textRow(text.seed, index);
    if (!known.has(JSON.stringify(row))) fresh.push(row);
  }
  return fresh;
}

interface TextSet {
  readonly name: string;
  readonly rows: readonly TextRow[];
  /** How often an epoch goes through it. */
  readonly times: number;
}

/** All training text. */
export const textSets = (): TextSet[] => [
  { name: 'own', rows: Array.from({ length: text.rows }, (_, index) => textRow(text.seed, index)), times: 1 },
  { name: 'book', rows: bookRows(), times: text.bookTimes },
  { name: 'sampled', rows: sampledRows(), times: text.sampledTimes },
];

/** The tokenizer, learned from the first rows of each. */
export function tokenizerOf(sets: readonly TextSet[]): Record<string, unknown> {
  const words = sets.flatMap(({ rows }) => rows.slice(0, text.tokenizerRows).map(wordsOf));
  const merges = learnMerges(words, config.vocab_size - specialTokens.length - 256);
  if (specialTokens.length + 256 + merges.length !== config.vocab_size)
    throw new RangeError(`Expected ${config.vocab_size} tokens but found ${merges.length} merges`);
  return tokenizerJson(specialTokens, merges);
}

/** Writes the bundled task into `assets`, and into `scratch` text, tokenizer, untrained model and the run's config. */
export async function prepare(assets: string, scratch: string): Promise<void> {
  const { train, test } = recordRows(taskRows.train, taskRows.test);
  mkdirSync(join(assets, 'tasks'), { recursive: true });
  writeFileSync(join(assets, 'tasks/records-train.jsonl'), toLines(train));
  writeFileSync(join(assets, 'tasks/records-test.jsonl'), toLines(test));

  const sets = textSets();
  const write = (name: string, rows: readonly TextRow[]): void =>
    writeFileSync(join(scratch, `${name}.jsonl`), toLines(rows));
  for (const { name, rows } of sets) write(name, rows);
  write('eval', newRows(sets.flatMap(({ rows }) => rows)));

  const tokenizer = { tokenizerJson: tokenizerOf(sets), tokenizerConfig, chatTemplate: template, namedTemplates: {} };
  await newCheckpoint(join(scratch, 'base'), { config, generationConfig, tokenizer, seed: text.seed });
  const data = {
    ...training.data,
    path: sets.map(({ name }) => `${name}.jsonl`),
    weights: sets.map(({ times }) => times),
    evalPath: 'eval.jsonl',
  };
  writeFileSync(
    join(scratch, 'tune.json'),
    JSON.stringify({ ...training, model: { path: 'base' }, data }, undefined, 1),
  );
}
