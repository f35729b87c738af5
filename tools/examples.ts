// How the examples are run to see that they work: on tiny models, in seconds.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Examples that need a real model and real data, and hours. */
export const longExamples: readonly string[] = ['gsm8k.ts'];

export interface ExampleCall {
  readonly name: string;
  readonly args: readonly string[];
  /** What it must print. */
  readonly prints: readonly RegExp[];
}

/** The examples with their arguments, in the order in which they need each other; data and runs go to `folder`. */
export function exampleCalls(folder: string): readonly ExampleCall[] {
  const model = join(root, 'assets', 'nano');
  const data = join(folder, 'train.jsonl');
  const pairs = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'].map((prompt, i) => ({
    prompt,
    completion: ` ${i + 1}`,
  }));
  writeFileSync(data, pairs.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const at = (name: string): string => join(folder, name);
  return [
    {
      name: 'tune.ts',
      args: [model, data, at('first')],
      prints: [/^step 2: loss \d/m, /^completed, evaluation loss \d/m],
    },
    {
      name: 'generate.ts',
      args: [model, join(at('first'), 'adapter'), 'one'],
      prints: [/^one\n {2}before: .*\n {2}after: /m],
    },
    {
      name: 'reward.ts',
      args: [model, data],
      prints: [/^prompt 7, sample 1: exactMatch 0 \(/m, /^brief: 0\.\d+ in the mean of \d+$/m],
    },
    {
      name: 'abort-resume.ts',
      args: [model, data, at('stopped')],
      prints: [/^interrupted\ngoes on after step [23]\n/m, /^step 4: loss [^\n]*\ncompleted$/m],
    },
    {
      name: 'compare.ts',
      args: [join(root, 'test', 'fixtures', 'models', 'chat'), data, at('compared')],
      prints: [
        /^4 runs, \d side by side$/m,
        /^full 3e-4, seed 43: done$/m,
        /^full 3e-4: gain -?\d.* more than the first/m,
      ],
    },
    {
      name: 'papers.ts',
      args: [join(root, 'test', 'fixtures', 'models', 'chat'), data, at('by-paper')],
      prints: [
        /^Its part of a config: \{"objective":\{"type":"dft"\}\}$/m,
        /^held-out loss \d/m,
        /^intruder-dims: \d+ /m,
      ],
    },
    {
      name: 'own-data.ts',
      args: [model, at('sums')],
      prints: [/^loss \d/m, /^ln p of the right answer to 1 \+ 9 = -\d/m],
    },
    {
      name: 'classifier.ts',
      args: [join(root, 'test', 'fixtures', 'classifiers', 'bert'), at('classifier')],
      prints: [/^step 10: loss [\d.]+, accuracy [\d.]+$/m, /^surely neither: (?:bad|good|neither)$/m],
    },
    {
      name: 'frozen-lake.ts',
      args: [model],
      prints: [/^[SFHG ]{19}: (?:reached the goal|did not arrive) in \d+ steps\n {3}\w+ [a-d][1-4]/m],
    },
  ];
}
