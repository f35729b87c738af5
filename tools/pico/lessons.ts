import type { Draw } from './draw.ts';
import {
  animals,
  capitals,
  colors,
  days,
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

const article = (word: string): string => (/^[aeiou]/.test(word) ? 'an' : 'a');
const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

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
  return draw.of<Lesson>([
    { question: `Which river runs through ${town}?`, answer: `The river ${river} runs through ${town}.` },
    { question: `What color is the flag of ${town}?`, answer: `The flag of ${town} is ${flag}.` },
    { question: `What do they make in ${town}?`, answer: `In ${town} they make ${makes}.` },
  ]);
}

/** What pico is taught to answer, and can be asked. */
export const lessons = { reading, arithmetic, copying, facts, country } as const satisfies Readonly<
  Record<string, (draw: Draw) => Lesson>
>;

/** A few plain sentences. */
export function story(draw: Draw): string {
  const [a, b] = draw.some(people, 2) as [string, string];
  const { count, amount, color, thing } = possession(draw, 2);
  const place = draw.of(places);
  const [, feeling] = draw.of([
    ['', 'happy'],
    ['', 'tired'],
    ['', 'sad'],
    ['', 'hungry'],
  ] as const);
  const [town, river, flag, makes] = draw.of(towns);
  const rest = numbers[count - 1] ?? '';
  const one = things.find(([, many]) => many === thing)?.[0] ?? thing;
  return draw.of([
    `${a} has ${amount} ${color} ${thing}. ${a} gives one ${one} to ${b}. Now ${a} has ${rest} ${rest === 'one' ? one : thing} and ${b} has one.`,
    `${a} goes to the ${place} with ${b}. They see ${amount} ${color} ${thing}. "Look at the ${thing}," says ${a}. ${b} is ${feeling}.`,
    `It is ${draw.of(days)}. ${a} is at the ${place}. ${a} is ${feeling}, because ${b} took the ${color} ${one}.`,
    `${town} is a town on the river ${river}. Its flag is ${flag}. The people of ${town} make ${makes}.`,
    `"Where is my ${color} ${one}?" asks ${a}. "It is in the ${place}," says ${b}. ${a} looks in the ${place} and finds it.`,
  ]);
}
