import { drawer } from './draw.ts';
import { type Lesson, lessons, story } from './lessons.ts';

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

export type TextRow = { readonly text: string } | { readonly messages: readonly Message[] };

const turn = ({ question, answer }: Lesson): Message[] => [
  { role: 'user', content: question },
  { role: 'assistant', content: answer },
];

/** How often each comes; the rest are plain stories. */
const plan = [
  ...Array<keyof typeof lessons>(6).fill('reading'),
  ...Array<keyof typeof lessons>(3).fill('arithmetic'),
  ...Array<keyof typeof lessons>(5).fill('copying'),
  ...Array<keyof typeof lessons>(2).fill('facts'),
  'country',
  'story',
  'story',
  'story',
] as const;

/** Training text of pico: row i depends on the seed and i alone. */
export function textRow(seed: number, index: number): TextRow {
  const draw = drawer(seed, 'text', index);
  const kind = draw.of(plan);
  if (kind === 'story') return { text: story(draw) };
  const messages = turn(lessons[kind](draw));
  return {
    messages:
      draw.below(4) === 0
        ? [...messages, ...turn(lessons[draw.of(Object.keys(lessons) as (keyof typeof lessons)[])](draw))]
        : messages,
  };
}

/** The row's words alone, for the tokenizer. */
export const wordsOf = (row: TextRow): string =>
  'text' in row ? row.text : row.messages.map(({ content }) => content).join('\n');
