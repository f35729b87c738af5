/** A question with a right and a wrong answer that differ in what decides. */
export interface AbilityItem {
  readonly ability: string;
  readonly question: string;
  readonly right: string;
  readonly wrong: string;
}

type Pair = readonly [first: string, second: string];

/** Every answer is the wrong one of another question, so that none is likelier by itself. */
const turned = (ability: string, pairs: readonly Pair[], ask: (first: string) => string, say: (pair: Pair) => string) =>
  pairs.map(([first, second], i): AbilityItem => {
    const other = pairs[(i + 1) % pairs.length]?.[1] ?? second;
    return { ability, question: ask(first), right: say([first, second]), wrong: say([first, other]) };
  });

const capitals: readonly Pair[] = [
  ['France', 'Paris'],
  ['Italy', 'Rome'],
  ['Spain', 'Madrid'],
  ['Japan', 'Tokyo'],
  ['Egypt', 'Cairo'],
  ['Greece', 'Athens'],
  ['Germany', 'Berlin'],
  ['Ireland', 'Dublin'],
];

const opposites: readonly Pair[] = [
  ['hot', 'cold'],
  ['big', 'small'],
  ['fast', 'slow'],
  ['happy', 'sad'],
  ['full', 'empty'],
  ['high', 'low'],
  ['wet', 'dry'],
  ['early', 'late'],
];

const sums: readonly (readonly [number, number])[] = [
  [2, 3],
  [4, 4],
  [7, 2],
  [5, 6],
  [9, 3],
  [1, 6],
  [8, 5],
  [10, 4],
];

const words = ['apple', 'chair', 'flower', 'lamp', 'bottle', 'stone', 'candle', 'button'] as const;

const holdings: readonly (readonly [string, string, string])[] = [
  ['Mia', 'red', 'balls'],
  ['Tom', 'green', 'books'],
  ['Eva', 'blue', 'cups'],
  ['Max', 'white', 'boats'],
  ['Ruth', 'black', 'hats'],
  ['Paul', 'yellow', 'keys'],
  ['Nina', 'brown', 'shoes'],
  ['Jack', 'pink', 'kites'],
];

const grammar: readonly (readonly [string, string])[] = [
  ['The dogs are in the garden.', 'The dogs is in the garden.'],
  ['She has a red book.', 'She have a red book.'],
  ['They go to school every day.', 'They goes to school every day.'],
  ['He was happy because it was warm.', 'He were happy because it was warm.'],
  ['There are two cups on the table.', 'There is two cups on the table.'],
  ['I saw him in the park.', 'I saw he in the park.'],
  ['An apple is a fruit.', 'A apple is a fruit.'],
  ['The children play in the street.', 'The children plays in the street.'],
];

/** Of each ability as many; a model without any is right in half of them. */
export const abilities: readonly AbilityItem[] = [
  ...turned(
    'capitals',
    capitals,
    (land) => `What is the capital of ${land}?`,
    ([land, town]) => `The capital of ${land} is ${town}.`,
  ),
  ...turned(
    'opposites',
    opposites,
    (word) => `What is the opposite of ${word}?`,
    ([word, other]) => `The opposite of ${word} is ${other}.`,
  ),
  ...sums.map(([a, b], i): AbilityItem => {
    // Near enough to need counting; above and below in turn.
    const wrong = a + b + (i % 2 === 0 ? 1 : -1);
    const question = `What is ${a} + ${b}?`;
    return { ability: 'sums', question, right: `${a} + ${b} = ${a + b}.`, wrong: `${a} + ${b} = ${wrong}.` };
  }),
  ...words.map((word, i): AbilityItem => {
    const [second, third] = [words[(i + 3) % words.length], words[(i + 5) % words.length]];
    const question = `Repeat: ${word} ${second}`;
    return { ability: 'copying', question, right: `${word} ${second}`, wrong: `${word} ${third}` };
  }),
  ...holdings.map(([who, color, things], i): AbilityItem => {
    const [, otherColor = '', otherThings = ''] = holdings[(i + 3) % holdings.length] ?? [];
    const question = `${who} has two ${color} ${things}. I gave three ${otherColor} ${otherThings} to Ben. What color are the ${things}?`;
    return { ability: 'reading', question, right: color, wrong: otherColor };
  }),
  ...grammar.map(([right, wrong]): AbilityItem => ({ ability: 'grammar', question: '', right, wrong })),
];
