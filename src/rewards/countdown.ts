import { expressionValue } from './expression.ts';
import type { Graded, Reward } from './reward.ts';

/** 1 for reasoning and answer in their tags and nothing else; else 0.1 and 0.5 for each of the two. The prompt has opened the first tag. */
function formatScore(text: string): number {
  if (/^<think>.*?<\/think>\n<answer>.*?<\/answer>$/s.test(text)) return 1;
  return (/<think>.*?<\/think>/s.test(text) ? 0.1 : 0) + (/<answer>.*?<\/answer>/s.test(text) ? 0.5 : 0);
}

function answerOf(text: string): string | undefined {
  return [...text.matchAll(/<answer>(.*?)<\/answer>/gs)].at(-1)?.[1];
}

const sorted = (numbers: readonly number[]): string => numbers.toSorted((a, b) => a - b).join(' ');

/** Whether an expression uses each number once and comes to the target, in words where it does not. */
function fault(text: string, numbers: readonly number[], target: number): string | undefined {
  const answer = answerOf(text);
  if (answer === undefined) return 'there is no answer in tags';
  const used = [...answer.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  if (sorted(used) !== sorted(numbers)) return 'the numbers are not used once each';
  const value = /^[0-9+\-*/() ]+$/.test(answer) ? expressionValue(answer) : undefined;
  if (value === undefined) return 'the answer is no expression';
  return Math.abs(value - target) < 1e-5 ? undefined : `the answer is ${value}, not ${target}`;
}

function taskOf({ fields = {} }: Graded): { readonly numbers: readonly number[]; readonly target: number } | undefined {
  const { numbers = fields['nums'], target } = fields;
  if (!Array.isArray(numbers) || !numbers.every((number) => typeof number === 'number')) return undefined;
  return typeof target === 'number' ? { numbers, target } : undefined;
}

/**
 * Countdown: 1 where the last `<answer>` is an expression that uses each of the row's `numbers` once and comes to its `target`, and a tenth
 * of the format's score; null without them. Evolution Strategies at Scale's and TinyZero's; powers and floor division, which the
 * official checker lets pass, are no expressions here.
 */
export const countdown: Reward = {
  name: 'countdown',
  range: [0, 1.1],
  grade: (graded) => {
    const task = taskOf(graded);
    if (!task) return { score: null, reason: 'the row has no numbers and target' };
    const found = fault(graded.completion, task.numbers, task.target);
    const score = 0.1 * formatScore(`<think>${graded.completion}`) + (found === undefined ? 1 : 0);
    return { score, reason: found ?? 'right' };
  },
};
