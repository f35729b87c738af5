import type { TrainExample } from '../data/dataset.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Engine } from '../runtime/engine.ts';
import { openModel, tokenizerOf } from './model.ts';
import { score } from './score.ts';

/** Texts that tokenizers get wrong: spaces, digits, scripts, emoji, code, apostrophes. */
const hardTexts: readonly string[] = [
  'The quick brown fox jumps over the lazy dog. It was 3.14159 past 12:45 on 2024-02-29.',
  '  leading spaces,\ttabs\nand\r\nnew lines   \n\n\n  at the end  ',
  "Don't, I'LL, we've; naïve café – “quotes” … 100% #tag @user a_b-c/d\\e",
  'def f(x):\n    return {"a": [1, 2, 3], **x}  # comment\n',
  'Привет мир, שלום עולם, こんにちは世界, 안녕하세요, مرحبا 👩‍👩‍👧‍👦 🇩🇪 e\u0301 \u00a0 \u200b',
];

const conversation = [
  { role: 'user', content: 'Name three colours of the rainbow.' },
  { role: 'assistant', content: 'Red, green and violet.' },
  { role: 'user', content: 'Which of them has the longest wavelength?' },
];

/** A sequence to compare models on, and where it comes from. */
export interface Probe {
  readonly source: string;
  readonly ids: readonly number[];
}

/** Hard texts as a tokenizer reads them, and a conversation where it has a template. */
export function probesOf(tokenizer: Tokenizer): Probe[] {
  const texts = hardTexts.map((text) => ({ source: JSON.stringify(text), ids: tokenizer.encode(text) }));
  if (tokenizer.chatTemplate === undefined) return texts;
  const { ids } = tokenizer.applyChatTemplate(conversation, { addGenerationPrompt: true });
  return [...texts, { source: 'a conversation through the chat template', ids }];
}

/** ln p of every token after the first, sequence after sequence. */
export type Scorer = (sequences: readonly (readonly number[])[]) => Promise<number[]>;

/** A checkpoint's tokenizer and scores, for as long as `use` takes. */
export async function withModel<T>(
  model: string,
  engine: Engine,
  use: (tokenizer: Tokenizer, scorer: Scorer, maxPositions: number) => Promise<T>,
): Promise<T> {
  const loaded = await openModel({ model, engine });
  const scorer: Scorer = async (sequences) => {
    const examples = sequences.map((ids, index): TrainExample => ({
      index,
      ids: Int32Array.from(ids),
      mask: new Uint8Array(ids.length).fill(1),
    }));
    const logprobs: number[] = [];
    for await (const line of score(loaded, examples, { batchSize: examples.length }))
      for (const logprob of line.logprobs) if (logprob !== null) logprobs.push(logprob);
    return logprobs;
  };
  try {
    return await use(tokenizerOf(loaded), scorer, loaded.model.maxPositions);
  } finally {
    await loaded.close();
  }
}

/** Throws Error naming the first text that two tokenizers read differently. */
export function assertSameTokens(expected: readonly Probe[], found: readonly Probe[]): void {
  expected.forEach(({ source, ids }, i) => {
    const other = found[i]?.ids ?? [];
    if (ids.length === other.length && ids.every((id, t) => id === other[t])) return;
    throw new Error(`The exported tokenizer reads ${source} as ${other.join(' ')} instead of ${ids.join(' ')}`);
  });
}

export interface Distance {
  /** Tokens whose log-probabilities were compared. */
  readonly tokens: number;
  /** Mean and largest |Δ ln p| in nats; NaN where one is. */
  readonly meanNats: number;
  readonly worstNats: number;
}

export function distanceOf(expected: readonly number[], found: readonly number[]): Distance {
  let total = 0;
  let worst = 0;
  expected.forEach((logprob, i) => {
    const distance = Math.abs(logprob - (found[i] ?? Number.NaN));
    total += distance;
    worst = Number.isNaN(distance) ? Number.NaN : Math.max(worst, distance);
  });
  return { tokens: expected.length, meanNats: total / expected.length, worstNats: worst };
}
