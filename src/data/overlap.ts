import type { StoredExamples } from './examples.ts';
import { hashIndex } from './hash.ts';

/** Evaluation examples that the training data holds too; `example` has their input lines. */
export type Overlap = {
  /** The same text, prompt and answer. */
  whole: number;
  /** The same prompt with another answer. */
  promptOnly: number;
  example?: { train: number; held: number };
};

/** Looks for each evaluation example in the training data, by hashes of the normalised text. */
export function overlapOf(train: StoredExamples, held: StoredExamples): Overlap {
  const [texts, prompts] = [hashIndex(), hashIndex()];
  for (let i = 0; i < train.count; i++) {
    const { text, prompt } = train.keysOf(i);
    texts.add(text, i);
    if (prompt !== undefined) prompts.add(prompt, i);
  }
  const found: Overlap = { whole: 0, promptOnly: 0 };
  let onlyPrompt: Overlap['example'];
  for (let i = 0; i < held.count; i++) {
    const { text, prompt } = held.keysOf(i);
    const [same, asked] = [texts.find(text), prompt === undefined ? -1 : prompts.find(prompt)];
    if (same >= 0) {
      found.whole++;
      found.example ??= { train: train.indexOf(same), held: held.indexOf(i) };
    } else if (asked >= 0) {
      found.promptOnly++;
      onlyPrompt ??= { train: train.indexOf(asked), held: held.indexOf(i) };
    }
  }
  return found.example === undefined && onlyPrompt !== undefined ? { ...found, example: onlyPrompt } : found;
}
