import { drawer } from './draw.ts';
import { type Lesson, lessons } from './lessons.ts';
import { story } from './stories.ts';

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

type Kind = keyof typeof lessons;

/** How often each comes. */
const plan: readonly (Kind | 'story')[] = [
  ...Array<Kind>(6).fill('reading'),
  ...Array<Kind>(8).fill('copying'),
  ...Array<Kind>(4).fill('arithmetic'),
  ...Array<Kind>(4).fill('instructions'),
  ...Array<Kind>(2).fill('facts'),
  ...Array<Kind>(2).fill('country'),
  ...Array<'story'>(4).fill('story'),
];

/** Training text of nano's own world: row i depends on the seed and i alone. */
export function textRow(seed: number, index: number): TextRow {
  const draw = drawer(seed, 'text', index);
  const kind = draw.of(plan);
  if (kind === 'story') return { text: story(draw) };
  const [question, answer] = turn(lessons[kind](draw));
  const before = draw.below(6) === 0 ? turn(lessons[draw.of(Object.keys(lessons) as Kind[])](draw)) : [];
  return { prompt: [...before, question], completion: [answer] };
}

/** The row's words alone, for the tokenizer. */
export const wordsOf = (row: TextRow): string =>
  'text' in row ? row.text : [...row.prompt, ...row.completion].map(({ content }) => content).join('\n');
