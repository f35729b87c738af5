import type { Draw } from './draw.ts';
import { article, capital, possession } from './lessons.ts';
import { animals, citizens, colors, days, inventions, months, people, places, things, towns } from './words.ts';

const feelings = ['happy', 'tired', 'sad', 'hungry', 'cold', 'quiet', 'proud', 'angry'] as const;

interface Scene {
  readonly a: string;
  readonly b: string;
  readonly animal: string;
  readonly color: string;
  readonly one: string;
  readonly many: string;
  readonly place: string;
  readonly feeling: string;
  readonly amount: string;
}

const openings: readonly ((scene: Scene, draw: Draw) => string)[] = [
  ({ a, place }, draw) => `It is ${draw.of(days)}. ${a} is at the ${place}.`,
  ({ a, b, place }) => `${a} goes to the ${place} with ${b}.`,
  ({ a, b, one, color }) => `${a} has ${article(color)} ${color} ${one}. ${b} wants to see it.`,
  ({ a, animal, place }) => `One day ${a} finds ${article(animal)} ${animal} at the ${place}.`,
  ({ a, b }, draw) => `In ${draw.of(months)} ${a} visits ${b}.`,
  ({ a, animal }) =>
    `${a} has ${article(animal)} ${animal}. The ${animal} is small and ${animal === 'pig' ? 'round' : 'brave'}.`,
  ({ a, place }) => `Every morning ${a} walks to the ${place}.`,
];

const middles: readonly ((scene: Scene, draw: Draw) => string)[] = [
  ({ amount, color, many, a }) => `They see ${amount} ${color} ${many}. "Look at the ${many}," says ${a}.`,
  ({ a, b, one, place }) => `"Where is my ${one}?" asks ${a}. "It is in the ${place}," says ${b}.`,
  ({ a, b, one }) => `${b} gives the ${one} to ${a}. "Thank you," says ${a}.`,
  ({ b, animal, place }) =>
    `${b} has ${article(animal)} ${animal}. The ${animal} runs to the ${place} and does not come back.`,
  ({ a, one, place }) => `${a} looks for the ${one} in the ${place}, but it is not there.`,
  ({ a, b, color, one }) => `${b} has lost ${article(color)} ${color} ${one}. ${a} helps ${b} to look for it.`,
  ({ a, b }) => `"Can you help me?" asks ${b}. "Yes, I can," says ${a}.`,
  ({ b, one, color }) => `${b} paints the ${one} ${color}.`,
  ({ a, b, place }) => `It begins to rain, so ${a} and ${b} run into the ${place}.`,
  ({ a, amount, many, b }) => `${a} carries ${amount} ${many} home, because ${b} is too small.`,
];

const endings: readonly ((scene: Scene, draw: Draw) => string)[] = [
  ({ b, feeling }) => `${b} is ${feeling}.`,
  ({ a, b }) => `In the evening ${a} and ${b} go home.`,
  ({ a, feeling, b, one }) => `${a} is ${feeling}, because ${b} took the ${one}.`,
  ({ a, place, one }) => `At last ${a} finds the ${one} in the ${place}.`,
  ({ a, b }) => `Now ${a} and ${b} are friends.`,
  ({ a, b }) => `${a} laughs, and ${b} laughs too.`,
];

/** A few plain sentences about people and things. */
function scene(draw: Draw): string {
  const [a, b] = draw.some(people, 2) as [string, string];
  const [one, many] = draw.of(things);
  const [animal] = draw.of(animals);
  const { amount } = possession(draw, 2);
  const drawn: Scene = {
    a,
    b,
    animal,
    color: draw.of(colors),
    one,
    many,
    place: draw.of(places),
    feeling: draw.of(feelings),
    amount,
  };
  const parts = [draw.of(openings), ...draw.some(middles, 1 + draw.below(2)), draw.of(endings)];
  return parts.map((part) => part(drawn, draw)).join(' ');
}

/** Something given away, counted right. */
function giving(draw: Draw): string {
  const [a, b] = draw.some(people, 2) as [string, string];
  const { count, amount, color, thing } = possession(draw, 2);
  const one = things.find(([, many]) => many === thing)?.[0] ?? thing;
  const rest = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven'][
    count - 1
  ];
  return `${a} has ${amount} ${color} ${thing}. ${a} gives one ${one} to ${b}. Now ${a} has ${rest} ${rest === 'one' ? one : thing} and ${b} has one.`;
}

/** What is true in the country that does not exist. */
function account(draw: Draw): string {
  const [town, river, flag, makes] = draw.of(towns);
  const [who, work, home, animal] = draw.of(citizens);
  const [thing, kind, color, use] = draw.of(inventions);
  return draw.of([
    `${town} is a town on the river ${river}. Its flag is ${flag}. The people of ${town} make ${makes}.`,
    `The river ${river} runs through ${town}. In ${town} they make ${makes}. The flag of ${town} is ${flag}.`,
    `${who} is a ${work}. ${who} lives in ${home} and has ${article(animal)} ${animal}.`,
    `The ${work} of ${home} is called ${who}. ${capital(article(animal))} ${animal} lives with ${who}.`,
    `A ${thing} is a ${kind}. It is ${color}. People use a ${thing} to ${use}.`,
    `To ${use} you need a ${thing}. A ${thing} is ${article(color)} ${color} ${kind}.`,
  ]);
}

/** A short text of nano's own world. */
export const story = (draw: Draw): string => draw.of([scene, scene, scene, scene, giving, account, account])(draw);
