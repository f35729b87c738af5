/** Rows of texts and labels to examples for a classifier. */
import type { Json } from '../hub/python-text.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import type { Labels, ProblemType } from '../nn/model.ts';
import type { TrainExample } from './dataset.ts';
import type { Example } from './formats.ts';

type Labelled = Extract<Example, { kind: 'labelled' }>;

/** What a classifier's labels are: as its config says, else numbers for one label, one of several, or each by itself where data gives lists. */
export function problemTypeOf({ labels, problemType }: Labels, label: Json | undefined): NonNullable<ProblemType> {
  if (problemType !== null) return problemType;
  if (labels.length === 1) return 'regression';
  return Array.isArray(label) ? 'multi_label_classification' : 'single_label_classification';
}

const shown = (value: Json | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** The id of a label that is given by id or by name; RangeError where there is no such label. */
function labelId(labels: readonly string[], label: Json | undefined): number {
  const id = typeof label === 'string' ? labels.indexOf(label) : label;
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < labels.length) return id;
  throw new RangeError(
    `label: expected one of ${labels.join(', ')} or an id below ${labels.length} but found ${shown(label)}; tuneloop surgery new-head gives a model a head for other labels`,
  );
}

function numbersOf(label: Json | undefined, count: number): number[] {
  const numbers = count === 1 && !Array.isArray(label) ? [label] : label;
  if (Array.isArray(numbers) && numbers.length === count && numbers.every((each) => Number.isFinite(each)))
    return numbers as number[];
  throw new TypeError(`label: expected ${count === 1 ? 'a number' : `${count} numbers`} but found ${shown(label)}`);
}

/**
 * Targets [labels] of a row's label: 1 at the one label (an id or a name), a list of 0 and 1 or of names where each label is by
 * itself, or numbers. Throws on another kind of label.
 */
export function labelTargets(
  type: NonNullable<ProblemType>,
  labels: readonly string[],
  label: Json | undefined,
): Float32Array {
  const targets = new Float32Array(labels.length);
  if (type === 'single_label_classification') targets[labelId(labels, label)] = 1;
  else if (
    type === 'multi_label_classification' &&
    Array.isArray(label) &&
    label.every((each) => typeof each === 'string')
  )
    for (const name of label) targets[labelId(labels, name)] = 1;
  else targets.set(numbersOf(label, labels.length));
  if (type === 'multi_label_classification' && targets.some((target) => target < 0 || target > 1))
    throw new RangeError(`label: expected numbers from 0 to 1 but found ${shown(label)}`);
  return targets;
}

/** Tokenises a text or pair; longer ones are cut, the longer of a pair first. */
export function labelledText(
  index: number,
  { text, pair }: Labelled,
  tokenizer: Pick<Tokenizer, 'encodePair'>,
  maxLength: number,
): { readonly example: TrainExample; readonly truncated: boolean } {
  const { ids, tokenTypes, truncated } = tokenizer.encodePair(text, pair, { maxLength });
  const example = {
    index,
    ids: Int32Array.from(ids),
    mask: new Uint8Array(ids.length),
    tokenTypes: Uint8Array.from(tokenTypes),
  };
  return { example, truncated };
}
