import type { TrainExample } from '../data/dataset.ts';
import type { TuneConfig } from './config.ts';
import { decodingWork } from './decoding.ts';
import { generate } from './generate.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';
import type { RunPlan } from './plan.ts';
import type { RunTask } from './task.ts';
import type { Work } from './work.ts';

/** What a model says to one prompt, beside what the data has. */
export interface Sample {
  /** Number of the input line. */
  readonly index: number;
  /** As the model meets it, special tokens in it. */
  readonly prompt: string;
  readonly expected: string;
  readonly text: string;
}

/** Samples after `step` steps, a line of samples.jsonl. */
export interface SampleSet {
  readonly step: number;
  /** Whether the prompts are of evaluation data; else they are what is trained on. */
  readonly held: boolean;
  readonly samples: readonly Sample[];
  readonly sampleMs: number;
}

/** Prompts beyond this are left out: they would be long to read and to compute. */
const longestPrompt = 512;

/** Most of a text without a prompt that is shown to the model. */
const longestBeginning = 32;

/** Where an example's prompt ends: before its first learned token, within a text that is learned whole, at its end where nothing is. */
function promptEnd({ ids, mask }: TrainExample): number {
  const first = mask.indexOf(1, 1);
  if (first < 0) return ids.length;
  return first > 1 ? first : Math.min(longestBeginning, Math.ceil(ids.length / 2));
}

interface AnswerOptions {
  readonly maxNewTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** Greedy answers of a language model to the prompts of examples; of a chat with several answers, the first. */
export async function answerSamples(
  loaded: LoadedModel,
  examples: readonly TrainExample[],
  { maxNewTokens, signal }: AnswerOptions,
): Promise<Sample[]> {
  const tokenizer = tokenizerOf(loaded);
  const prompts = examples.map((example, index) => ({ index, ids: [...example.ids.subarray(0, promptEnd(example))] }));
  const texts: string[] = [];
  const options = { maxNewTokens, batchSize: Math.max(1, prompts.length), ...(signal ? { signal } : {}) };
  for await (const { index, text } of generate(loaded, prompts, options)) texts[index] = text;
  return examples.map(({ index, ids, mask }, i) => {
    const begin = prompts[i]?.ids.length ?? 0;
    const learned = mask.indexOf(0, begin);
    const expected = [...ids.subarray(begin, learned < 0 ? ids.length : learned)];
    return {
      index,
      prompt: tokenizer.decode([...ids.subarray(0, begin)]),
      expected: tokenizer.decode(expected, { skipSpecialTokens: true }),
      text: texts[i] ?? '',
    };
  });
}

/** What `answerSamples` takes. */
export const answeringWork = (
  loaded: LoadedModel,
  examples: readonly TrainExample[],
  { maxNewTokens }: Pick<AnswerOptions, 'maxNewTokens'>,
): Work =>
  decodingWork(loaded, examples.map(promptEnd), {
    maxNewTokens,
    batchSize: Math.max(1, examples.length),
    logits: false,
  });

/** Answers of the model of a run as it is now, to the same few prompts whenever it is asked. */
export interface Sampler {
  /** Undefined where the run was stopped meanwhile. */
  sample(step: number, signal?: AbortSignal): Promise<SampleSet | undefined>;
  readonly work: Work;
}

/** Lets the model of a run answer the same few prompts whenever it is asked; undefined where none fits or none is wanted. */
export function makeSampler(
  { samples: { prompts, maxNewTokens } }: TuneConfig,
  task: Pick<RunTask, 'answer' | 'answerWork' | 'loaded'>,
  plan: Pick<RunPlan, 'firstExamples'>,
): Sampler | undefined {
  const { maxPositions } = task.loaded.model;
  const limit = Math.min(maxNewTokens, Math.floor(maxPositions / 2));
  const fits = (example: TrainExample): boolean =>
    promptEnd(example) <= Math.min(longestPrompt, maxPositions - limit) && example.ids.length > 1;
  const { held, examples } = plan.firstExamples(prompts, fits);
  if (examples.length === 0 || limit === 0) return undefined;
  return {
    async sample(step, signal) {
      const begun = performance.now();
      try {
        const answered = await task.answer(examples, { maxNewTokens: limit, signal });
        return { step, held, samples: answered, sampleMs: performance.now() - begun };
      } catch (error) {
        // Who stops a run does not wait for its samples.
        if (signal?.aborted) return undefined;
        throw error;
      }
    },
    work: task.answerWork(examples, { maxNewTokens: limit }),
  };
}
