import type { TrainExample } from '../data/examples.ts';
import { superviseExample, type SupervisedExample } from '../data/supervise.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import { abilities, type AbilityItem } from '../probes/abilities.ts';
import { generalTexts, ownBeginnings, ownQuestions } from '../probes/generalTexts.ts';
import { generate, type Prompt } from './generate.ts';
import { type ReadyModel, tokenizerOf } from './readyModel.ts';

/** Texts are cut to this, so that all are scored in one shape. */
const maxTokens = 64;
/** Or to the model's positions, where it has fewer; half of that is sampled. */
const limitOf = ({ model }: ReadyModel): number => Math.min(maxTokens, model.maxPositions);

/** Rows of a batch; sets hold a multiple of it. */
export const retentionRows = 8;

/** Models past this many parameters are measured on fewer texts, so that measuring keeps its share of a run's time. */
const fullSizeParameters = 100e6;

/** The first of a list, fewer of them the larger the model is: a multiple of the rows, at least one batch. */
export function fewer<T>(items: readonly T[], parameters: number): readonly T[] {
  const wanted = items.length * Math.min(1, fullSizeParameters / parameters);
  return items.slice(0, Math.max(retentionRows, retentionRows * Math.floor(wanted / retentionRows)));
}

const numbered = (examples: readonly { ids: readonly number[] | Int32Array; mask: ArrayLike<number> }[]) =>
  examples.map(({ ids, mask }, index): TrainExample => ({
    index,
    ids: Int32Array.from(ids),
    mask: Uint8Array.from(mask),
  }));

const hasTemplate = (tokenizer: Tokenizer): boolean => {
  try {
    tokenizer.applyChatTemplate([{ role: 'user', content: '?' }], { addGenerationPrompt: true });
    return true;
  } catch {
    return false;
  }
};

/** A text as the model was taught it: a chat where there is a template. */
function taught(tokenizer: Tokenizer, { question, right }: Pick<AbilityItem, 'question' | 'right'>): SupervisedExample {
  if (question === '') return { kind: 'text', text: right };
  if (!hasTemplate(tokenizer))
    return { kind: 'pair', prompt: `Question: ${question}\nAnswer:`, completion: ` ${right}` };
  return {
    kind: 'chatPair',
    prompt: [{ role: 'user', content: question }],
    completion: [{ role: 'assistant', content: right }],
  };
}

/** Answers of the probe suite, the right one and the wrong one in turn. */
export function abilityExamples(loaded: ReadyModel, items: readonly AbilityItem[]): TrainExample[] {
  const tokenizer = tokenizerOf(loaded);
  const options = { maxLength: loaded.model.maxPositions };
  const made = items.flatMap(({ question, right, wrong }) =>
    [right, wrong].map((answer) =>
      superviseExample(taught(tokenizer, { question, right: answer }), tokenizer, options),
    ),
  );
  return numbered(made);
}

/** The suite for a model of this size, with as many items of each ability. */
export function abilityItems(parameters: number): readonly AbilityItem[] {
  const names = [...new Set(abilities.map(({ ability }) => ability))];
  const each = fewer(abilities, parameters).length / names.length;
  return names.flatMap((name) => abilities.filter(({ ability }) => ability === name).slice(0, Math.max(2, each)));
}

/** Plain texts, whole but for what is past the longest. */
export function generalExamples(loaded: ReadyModel, parameters: number): TrainExample[] {
  const tokenizer = tokenizerOf(loaded);
  const made = fewer(generalTexts, parameters).map((text) =>
    superviseExample({ kind: 'text', text }, tokenizer, { maxLength: limitOf(loaded) }),
  );
  return numbered(made);
}

/** Tokens of a prompt that a model writes after, and the most that it writes. */
export function sampledLengths(loaded: ReadyModel, length: number): { readonly prompt: number; readonly most: number } {
  const most = Math.floor(limitOf(loaded) / 2);
  return { prompt: Math.min(length, most), most };
}

/** What a model writes to prompts at temperature 1, from a fixed seed; only what it wrote counts. */
export async function sampledExamples(
  loaded: ReadyModel,
  prompts: readonly (readonly number[])[],
): Promise<TrainExample[]> {
  const { most } = sampledLengths(loaded, 0);
  const rows = prompts.map((ids, index): Prompt => ({ index, ids: ids.slice(-most) }));
  const options = { temperature: 1, topK: 0, topP: 1, seed: 0, maxNewTokens: most, batchSize: rows.length };
  const made: { ids: number[]; mask: number[] }[] = [];
  let at = 0;
  for await (const { ids } of generate(loaded, rows, options)) {
    const prompt = rows[at++]?.ids ?? [];
    made.push({ ids: [...prompt, ...ids], mask: [...prompt.map(() => 0), ...ids.map(() => 1)] });
  }
  return numbered(made);
}

/** Prompts for text of the model's own: questions where it has a chat template, and beginnings. */
export function ownPrompts(loaded: ReadyModel, parameters: number): number[][] {
  const tokenizer = tokenizerOf(loaded);
  const begun = ownBeginnings.map((text) => tokenizer.encode(text));
  if (!hasTemplate(tokenizer)) return begun;
  const asked = ownQuestions.map(
    (content) => tokenizer.applyChatTemplate([{ role: 'user', content }], { addGenerationPrompt: true }).ids,
  );
  // A small set has both.
  return [
    ...fewer(
      asked.flatMap((ids, i) => [ids, begun[i] ?? ids]),
      parameters,
    ),
  ];
}

/** What stands before the first learned token of an example, its beginning where all is learned, all where nothing is. */
export function promptOf({ ids, mask }: TrainExample): number[] {
  const learned = mask.findIndex((bit, t) => t > 0 && bit === 1);
  if (learned < 0) return [...ids];
  return Array.from(ids.subarray(0, learned > 1 ? learned : Math.min(8, ids.length)));
}
