import type { TrainExample } from '../data/dataset.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Engine } from '../runtime/engine.ts';
import { openModel, tokenizerOf } from './model.ts';
import { score } from './score.ts';

/** Texts that tokenizers get wrong: spaces, digits, scripts, emoji, code, apostrophes, special tokens inside text. */
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

export interface ExportCheck {
  /** Tokens whose log-probabilities were compared. */
  readonly tokens: number;
  /** Mean and largest |Δ ln p| in nats. */
  readonly meanNats: number;
  readonly worstNats: number;
}

/** What both models are given: texts as the first one's tokenizer reads them, and a conversation where it has a template. */
function probes(tokenizer: Tokenizer): number[][] {
  const texts = hardTexts.map((text) => tokenizer.encode(text));
  if (tokenizer.chatTemplate === undefined) return texts;
  return [...texts, tokenizer.applyChatTemplate(conversation, { addGenerationPrompt: true }).ids];
}

interface Reading {
  readonly ids: readonly (readonly number[])[];
  readonly logprobs: readonly number[];
}

/** Token ids by the model's own tokenizer, and log-probabilities of `given` (its own ids unless given). */
async function read(model: string, engine: Engine, given?: readonly (readonly number[])[]): Promise<Reading> {
  const loaded = await openModel({ model, engine });
  try {
    const ids = probes(tokenizerOf(loaded));
    const examples = (given ?? ids).map((row, index): TrainExample => {
      const cut = row.slice(0, loaded.model.maxPositions);
      return { index, ids: Int32Array.from(cut), mask: new Uint8Array(cut.length).fill(1) };
    });
    const logprobs: number[] = [];
    for await (const line of score(loaded, examples, { batchSize: examples.length }))
      for (const logprob of line.logprobs) if (logprob !== null) logprobs.push(logprob);
    return { ids, logprobs };
  } finally {
    await loaded.close();
  }
}

/**
 * Whether an exported checkpoint is the same model: its tokenizer and template must give the same ids, and the
 * log-probabilities of the same tokens are compared. Throws Error naming the text whose tokens differ.
 */
export async function checkExport(before: string, after: string, engine: Engine): Promise<ExportCheck> {
  const expected = await read(before, engine);
  const found = await read(after, engine, expected.ids);
  expected.ids.forEach((row, i) => {
    const other = found.ids[i] ?? [];
    if (row.length === other.length && row.every((id, t) => id === other[t])) return;
    const text = hardTexts[i] === undefined ? 'a conversation through the chat template' : JSON.stringify(hardTexts[i]);
    throw new Error(`The exported tokenizer reads ${text} as ${other.join(' ')} instead of ${row.join(' ')}`);
  });
  let total = 0;
  let worst = 0;
  expected.logprobs.forEach((logprob, i) => {
    const distance = Math.abs(logprob - (found.logprobs[i] ?? Number.NaN));
    total += distance;
    worst = Number.isNaN(distance) ? Number.NaN : Math.max(worst, distance);
  });
  return { tokens: expected.logprobs.length, meanNats: total / expected.logprobs.length, worstNats: worst };
}
