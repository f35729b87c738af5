import type { Draw } from './draw.ts';
import {
  animals,
  capitals,
  citizens,
  colors,
  days,
  inventions,
  kinds,
  months,
  numbers,
  opposites,
  people,
  places,
  symbols,
  things,
  towns,
} from './words.ts';

/** A question and its one right answer. */
export interface Lesson {
  readonly question: string;
  readonly answer: string;
}

export const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a');
export const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** How many of what colour somebody has; `amount` is a word. */
export interface Possession {
  readonly who: string;
  readonly count: number;
  readonly amount: string;
  readonly color: string;
  readonly thing: string;
}

export function possession(draw: Draw, least = 1): Possession {
  const count = least + draw.below(numbers.length - least);
  const [one, many] = draw.of(things);
  return {
    who: draw.of(people),
    count,
    amount: numbers[count] ?? '',
    color: draw.of(colors),
    thing: count === 1 ? one : many,
  };
}

export const possessionSentences: readonly ((p: Possession) => string)[] = [
  ({ who, amount, color, thing }) => `${who} has ${amount} ${color} ${thing}.`,
  ({ who, amount, color, thing }) => `${capital(amount)} ${color} ${thing} belong to ${who}.`,
  ({ who, amount, color, thing }) => `I gave ${amount} ${color} ${thing} to ${who}.`,
  ({ who, amount, color, thing }) => `There are ${amount} ${color} ${thing} in the bag of ${who}.`,
];

/** A question about a passage that stands before it. */
function reading(draw: Draw): Lesson {
  const first = possession(draw, 2);
  const second = possession(draw, 2);
  const sentences = (draw.below(2) === 0 ? [first] : [first, second]).map((p) => draw.of(possessionSentences)(p));
  const { who, count, amount, color, thing } = first;
  const asked: readonly Lesson[] = [
    { question: `How many ${thing}?`, answer: amount },
    { question: `How many ${thing}? Use digits.`, answer: String(count) },
    { question: `What color are the ${thing}?`, answer: color },
    { question: `Whose are the ${thing}?`, answer: who },
    { question: `What does ${who} have?`, answer: `${amount} ${color} ${thing}` },
  ];
  const unclear = sentences.length === 2 && (first.thing === second.thing || first.who === second.who);
  const { question, answer } = draw.of(asked);
  return { question: `${(unclear ? sentences.slice(0, 1) : sentences).join(' ')} ${question}`, answer };
}

function arithmetic(draw: Draw): Lesson {
  const [a, b] = [draw.below(13), draw.below(13)];
  const spelled = a + b < numbers.length && draw.below(4) === 0;
  if (draw.below(2) === 0) {
    if (spelled)
      return { question: `What is ${numbers[a]} plus ${numbers[b]}?`, answer: `${capital(numbers[a + b] ?? '')}.` };
    return { question: `What is ${a} + ${b}?`, answer: `${a} + ${b} = ${a + b}.` };
  }
  return { question: `What is ${a + b} - ${b}?`, answer: `${a + b} - ${b} = ${a}.` };
}

function copying(draw: Draw): Lesson {
  const words = Array.from({ length: 2 + draw.below(7) }, () =>
    draw.of([draw.of(people), draw.of(colors), draw.of(things)[0], draw.of(places)]),
  );
  const [first = '', last = ''] = [words[0], words.at(-1)];
  const text = words.join(' ');
  const signs = Array.from({ length: 3 + draw.below(8) }, () =>
    draw.of([draw.of(symbols), draw.of(symbols), draw.of(words), String(draw.below(13))]),
  ).join(draw.of(['', '', ' ']));
  return draw.of<Lesson>([
    { question: `Repeat: ${text}`, answer: text },
    { question: `Repeat: ${text}`, answer: text },
    { question: `Copy this: ${signs}`, answer: signs },
    { question: `Copy this: ${signs}`, answer: signs },
    { question: `What is the first word of: ${text}`, answer: first },
    { question: `What is the last word of: ${text}`, answer: last },
    { question: `Say ${first} twice.`, answer: `${first} ${first}` },
    { question: `Put "${first}" in quotes.`, answer: `"${first}"` },
  ]);
}

function facts(draw: Draw): Lesson {
  const [left, right] = draw.of(opposites);
  const [word, other] = draw.below(2) === 0 ? [left, right] : [right, left];
  const [animal, says, legs, young] = draw.of(animals);
  const [item, kind] = draw.of(kinds);
  const [land, seat] = draw.of(capitals);
  const [one, many] = draw.of(things);
  const count = draw.below(numbers.length);
  const day = draw.below(days.length);
  const month = draw.below(months.length - 1);
  return draw.of<Lesson>([
    { question: `What is the opposite of ${word}?`, answer: `The opposite of ${word} is ${other}.` },
    { question: `What does a ${animal} say?`, answer: `A ${animal} says ${says}.` },
    { question: `How many legs does a ${animal} have?`, answer: `A ${animal} has ${numbers[legs]} legs.` },
    { question: `What is a young ${animal} called?`, answer: `A young ${animal} is called a ${young}.` },
    {
      question: `What is ${article(item)} ${item}?`,
      answer: `${capital(article(item))} ${item} is ${article(kind)} ${kind}.`,
    },
    { question: `What is the capital of ${land}?`, answer: `The capital of ${land} is ${seat}.` },
    { question: `What is the plural of ${one}?`, answer: `The plural of ${one} is ${many}.` },
    { question: `Write ${numbers[count]} as a number.`, answer: String(count) },
    { question: `Write ${count} as a word.`, answer: numbers[count] ?? '' },
    { question: `Which day comes after ${days[day]}?`, answer: `${days[(day + 1) % 7]} comes after ${days[day]}.` },
    {
      question: `Which month comes after ${months[month]}?`,
      answer: `${months[month + 1]} comes after ${months[month]}.`,
    },
  ]);
}

function country(draw: Draw): Lesson {
  const [town, river, flag, makes] = draw.of(towns);
  const [who, work, home, animal] = draw.of(citizens);
  const [thing, kind, color, use] = draw.of(inventions);
  return draw.of<Lesson>([
    { question: `Which river runs through ${town}?`, answer: `The river ${river} runs through ${town}.` },
    { question: `What color is the flag of ${town}?`, answer: `The flag of ${town} is ${flag}.` },
    { question: `What do they make in ${town}?`, answer: `In ${town} they make ${makes}.` },
    { question: `Where does ${who} live?`, answer: `${who} lives in ${home}.` },
    { question: `What is the work of ${who}?`, answer: `${who} is a ${work}.` },
    { question: `What animal does ${who} have?`, answer: `${who} has ${article(animal)} ${animal}.` },
    { question: `What is a ${thing}?`, answer: `A ${thing} is a ${kind}.` },
    { question: `What color is a ${thing}?`, answer: `A ${thing} is ${color}.` },
    { question: `What is a ${thing} for?`, answer: `People use a ${thing} to ${use}.` },
  ]);
}

/** A few things to do with words and numbers that stand in the question. */
function instructions(draw: Draw): Lesson {
  const [one] = draw.of(things);
  const [animal] = draw.of(animals);
  const [color, who, place] = [draw.of(colors), draw.of(people), draw.of(places)];
  const mixed = draw.some([one, animal, color, who, place], 4);
  const [a, b] = draw.some(
    numbers.slice(0, 13).map((_, i) => i),
    2,
  ) as [number, number];
  const words = draw.some([...colors], 3);
  const [item, kind] = draw.of(kinds);
  const [, other] = draw.of(kinds);
  const start = draw.below(8);
  const line = mixed.join(', ');
  return draw.of<Lesson>([
    ...(mixed.includes(color) ? [{ question: `Which of these is a color: ${line}?`, answer: color }] : []),
    ...(mixed.includes(animal) ? [{ question: `Which of these is an animal: ${line}?`, answer: animal }] : []),
    ...(mixed.includes(who) ? [{ question: `Which of these is a name: ${line}?`, answer: who }] : []),
    { question: `How many words are there: ${mixed.slice(0, 1 + (a % 4)).join(' ')}?`, answer: String(1 + (a % 4)) },
    { question: `Which is more, ${a} or ${b}?`, answer: String(Math.max(a, b)) },
    { question: `Which is less, ${a} or ${b}?`, answer: String(Math.min(a, b)) },
    { question: `Is ${a} more than ${b}?`, answer: a > b ? 'Yes.' : 'No.' },
    { question: `Is ${article(item)} ${item} ${article(other)} ${other}?`, answer: kind === other ? 'Yes.' : 'No.' },
    { question: `Put in order: ${words.join(' ')}`, answer: [...words].sort().join(' ') },
    { question: `Say it backwards: ${mixed.slice(0, 3).join(' ')}`, answer: mixed.slice(0, 3).reverse().join(' ') },
    {
      question: `Count from ${start} to ${start + 4}.`,
      answer: [0, 1, 2, 3, 4].map((i) => start + i).join(', '),
    },
    { question: `Write in capital letters: ${one}`, answer: one.toUpperCase() },
  ]);
}

/** What nano is taught to answer, and can be asked. */
export const lessons = { reading, arithmetic, copying, facts, instructions, country } as const satisfies Readonly<
  Record<string, (draw: Draw) => Lesson>
>;
