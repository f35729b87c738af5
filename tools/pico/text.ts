import { drawer } from './draw.ts';
import { type Lesson, lessons, story } from './lessons.ts';

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** Of a chat only the last answer is learned: what somebody asks cannot be foreseen, and would drown the rest. */
export type TextRow =
  | { readonly text: string }
  | { readonly prompt: readonly Message[]; readonly completion: readonly Message[] };

const turn = ({ question, answer }: Lesson): [Message, Message] => [
  { role: 'user', content: question },
  { role: 'assistant', content: answer },
];

/** How often each comes. */
const plan = [
  ...Array<keyof typeof lessons>(6).fill('reading'),
  ...Array<keyof typeof lessons>(8).fill('copying'),
  ...Array<keyof typeof lessons>(3).fill('arithmetic'),
  ...Array<keyof typeof lessons>(2).fill('facts'),
  'country',
  'story',
  'story',
] as const;

/** Training text of pico: row i depends on the seed and i alone. */
export function textRow(seed: number, index: number): TextRow {
  const draw = drawer(seed, 'text', index);
  const kind = draw.of(plan);
  if (kind === 'story') return { text: story(draw) };
  const [question, answer] = turn(lessons[kind](draw));
  const before =
    draw.below(6) === 0 ? turn(lessons[draw.of(Object.keys(lessons) as (keyof typeof lessons)[])](draw)) : [];
  return { prompt: [...before, question], completion: [answer] };
}

/** The row's words alone, for the tokenizer. */
export const wordsOf = (row: TextRow): string =>
  'text' in row ? row.text : [...row.prompt, ...row.completion].map(({ content }) => content).join('\n');
