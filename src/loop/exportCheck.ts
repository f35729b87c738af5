import type { Tokenizer } from '../hub/tokenizer.ts';

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
  /** Of an encoder's text: which of a pair a token belongs to. */
  readonly tokenTypes?: readonly number[];
}

/** Hard texts as a tokenizer reads them, and a conversation where it has a template. */
export function probesOf(tokenizer: Tokenizer): Probe[] {
  const texts = hardTexts.map((text) => ({ source: JSON.stringify(text), ids: tokenizer.encode(text) }));
  if (tokenizer.chatTemplate === undefined) return texts;
  const { ids } = tokenizer.applyChatTemplate(conversation, { addGenerationPrompt: true });
  return [...texts, { source: 'a conversation through the chat template', ids }];
}

/** Hard texts and a pair of them as an encoder's tokenizer reads them. */
export function textProbesOf(tokenizer: Tokenizer): Probe[] {
  const [first = '', second = ''] = hardTexts;
  const single = hardTexts.map((text): Probe => ({ source: JSON.stringify(text), ...tokenizer.encodePair(text) }));
  return [...single, { source: 'a pair of texts', ...tokenizer.encodePair(first, second) }];
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
  /** Numbers that were compared. */
  readonly count: number;
  /** Mean and largest distance; NaN where one is. */
  readonly mean: number;
  readonly worst: number;
}

/** |Δ| of two lists, in nats or as a share of the root mean square of what was expected. */
export function distanceOf(expected: readonly number[], found: readonly number[], unit: 'nats' | 'share'): Distance {
  const squares = expected.reduce((sum, value) => sum + value * value, 0);
  const scale = unit === 'nats' ? 1 : Math.sqrt(squares / expected.length);
  let total = 0;
  let worst = 0;
  expected.forEach((value, i) => {
    const distance = Math.abs(value - (found[i] ?? Number.NaN)) / scale;
    total += distance;
    worst = Number.isNaN(distance) ? Number.NaN : Math.max(worst, distance);
  });
  return { count: expected.length, mean: total / expected.length, worst };
}
