import { openMergedWeights, type WeightsPath } from '../adapters/mergedWeights.ts';
import { itemOf } from '../data/prompts.ts';
import type { RowFields } from '../data/reader.ts';
import { joinPath } from '../hub/files.ts';
import { removePath } from '../hub/files-remove.ts';
import type { TuneConfigInput } from '../loop/config.ts';
import type { StepEvent } from '../loop/events.ts';
import { gradeTask } from '../loop/gradeTask.ts';
import { generate } from '../loop/generate.ts';
import { type LoadedModel, openClassifier, openModel, tokenizerOf } from '../loop/model.ts';
import { classify } from '../loop/onRows.ts';
import { examplesOf, type RowInput, rowsOf } from '../loop/rowInputs.ts';
import { rollOut, type Trajectory } from '../loop/rollOut.ts';
import { score } from '../loop/score.ts';
import { tune } from '../loop/tuneRun.ts';
import { writeRows } from '../loop/writeRows.ts';
import type { PairProbe } from '../probes/probe.ts';
import { exactMatch } from '../rewards/exactMatch.ts';
import type { Reward } from '../rewards/reward.ts';
import type { Engine } from '../runtime/engine.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';
import { mergeAdapter } from '../surgery/merge.ts';
import type { TextWorld } from '../worlds/textWorld.ts';
import { newHead } from '../surgery/newHead.ts';
import { operate } from '../surgery/operate.ts';
import type { SurgeryUnit } from '../surgery/surgery.ts';

/** A question and its one right answer. */
export interface Question {
  readonly prompt: string;
  readonly completion: string;
}

export interface Questions {
  /** To learn from. */
  readonly train: readonly Question[];
  /** Others, which tell what was learned; their answers are all right. */
  readonly held: readonly Question[];
}

const turns = ({ prompt, completion }: Question) =>
  [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ] as const;

/** A question as a chat in the model's own template, of which the answer is learned, after others that show what is wanted. */
export const inChatAfter =
  (shown: readonly Question[]) =>
  ({ prompt, completion }: Question) => ({
    prompt: [...shown.flatMap(turns), { role: 'user', content: prompt }],
    completion: [{ role: 'assistant', content: completion }],
  });

/** The same with nothing before it. */
export const inChat = inChatAfter([]);

/** A row for a classifier, with what it reads in other columns. */
export interface Labelled {
  readonly label: string;
}

/** What experiments are made with; all files lie in the folder of one arm and seed. */
export interface Lab {
  /** The model that is tuned. */
  readonly model: string;
  /** Trains on rows, several packed into one where that is asked for, and returns what came of the model. */
  tune(
    name: string,
    rows: readonly object[],
    config: Omit<TuneConfigInput, 'data'> & { readonly packing?: boolean | undefined },
  ): Promise<WeightsPath>;
  /** Mean negative log-likelihood of the rows' learned tokens, in nats. */
  loss(weights: WeightsPath, rows: readonly object[]): Promise<number>;
  /** Share of the questions, texts or chats, that are answered exactly, greedily. */
  accuracy(weights: WeightsPath, questions: readonly object[]): Promise<number>;
  /** Mean grade of the greedy answers to the rows' prompts. */
  reward(weights: WeightsPath, rows: readonly RowFields[], reward: Reward, maxTokens: number): Promise<number>;
  /** Texts that the model says by itself, at temperature 1. */
  samples(weights: WeightsPath, count: number, seed: number): Promise<{ readonly text: string }[]>;
  /** How it goes where the model acts in worlds of text, by its likeliest action at every turn. */
  rollOut(weights: WeightsPath, worlds: readonly TextWorld[], seed: number): Promise<Trajectory[]>;
  /** An adapter in its model's weights, as a model. */
  merge(name: string, weights: WeightsPath): Promise<WeightsPath>;
  /** The model with a head for other labels, drawn from the seed, all in f32. */
  newHead(model: string, labels: readonly string[], seed: number): Promise<WeightsPath>;
  /** Share of labelled rows that a classifier's likeliest label is right for. */
  labelled(weights: WeightsPath, rows: readonly Labelled[]): Promise<number>;
  /** What a surgery makes of models that were tuned from the base. */
  operate(
    name: string,
    unit: SurgeryUnit,
    options: object,
    of: { readonly base: WeightsPath; readonly models: readonly WeightsPath[] },
  ): Promise<WeightsPath>;
  /** The one number of a probe of two models, with fields of its schema where they are not its defaults. */
  probe(probe: PairProbe, before: WeightsPath, after: WeightsPath, options?: object): Promise<number>;
}

export interface LabOptions {
  readonly folder: string;
  readonly model: string;
  readonly engine: Engine;
  readonly linalg: LinearAlgebra;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: TrainedStep) => void;
}

/** A training step, of a run by its name. */
export interface TrainedStep extends Pick<StepEvent, 'step' | 'loss' | 'cpuMs'> {
  readonly run: string;
  /** How many there will be. */
  readonly steps: number;
}

/** Most tokens of an answer and of a sample. */
const [answerTokens, sampleTokens] = [64, 48];

export function makeLab({ folder, model: base, engine, linalg, signal, onStep }: LabOptions): Lab {
  const stop = signal ? { signal } : {};
  async function using<T>({ model, adapter }: WeightsPath, work: (loaded: LoadedModel) => Promise<T>): Promise<T> {
    const loaded = await openModel({ model, engine, ...(adapter === undefined ? {} : { adapter }) });
    try {
      return await work(loaded);
    } finally {
      await loaded.close();
    }
  }
  const graded = (weights: WeightsPath, rows: readonly RowFields[], reward: Reward, maxNewTokens: number) =>
    using(weights, (loaded) => {
      const items = rows.map((fields, index) =>
        itemOf({ index, place: `row ${index + 1}`, fields }, tokenizerOf(loaded)),
      );
      return gradeTask(loaded, items, reward, { maxNewTokens, batchSize: 32, ...stop });
    });
  return {
    model: base,
    async tune(name, rows, { packing = false, ...config }) {
      const path = await writeRows(joinPath(folder, `${name}.jsonl`), rows);
      const out = joinPath(folder, name);
      // An experiment measures by itself what it wants to know.
      const bare = { samples: { prompts: 0 }, forgetting: { measure: false } } as const;
      const run = tune({ ...bare, ...config, data: { path, packing } }, { out, overwrite: true, engine, ...stop });
      let steps = 0;
      for await (const event of run) {
        if (event.type === 'plan') ({ steps } = event);
        if (event.type === 'step') onStep?.({ ...event, run: name, steps });
      }
      signal?.throwIfAborted();
      return config.adapter?.type === 'none'
        ? { model: joinPath(out, 'model') }
        : { model: config.model.path, adapter: joinPath(out, 'adapter') };
    },
    loss: (weights, rows) =>
      using(weights, async (loaded) => {
        const examples = examplesOf(rowsOf(rows as readonly RowInput[], 'text'), loaded, {});
        let [total, tokens] = [0, 0];
        for await (const { logprobs, mask } of score(loaded, examples, { batchSize: 32 })) {
          logprobs.forEach((value, t) => {
            if (value === null || mask[t] !== 1) return;
            total -= value;
            tokens++;
          });
        }
        return total / tokens;
      }),
    accuracy: async (weights, questions) => {
      const answers = await graded(weights, questions as readonly RowFields[], exactMatch, answerTokens);
      return answers.filter(({ score }) => score === 1).length / answers.length;
    },
    reward: async (weights, rows, reward, maxTokens) => {
      const answers = await graded(weights, rows, reward, maxTokens);
      return answers.reduce((sum, { score }) => sum + (score ?? Number.NaN), 0) / answers.length;
    },
    samples: (weights, count, seed) =>
      using(weights, async (loaded) => {
        // A text begins where another has ended.
        const first = tokenizerOf(loaded).eosToken?.id ?? 0;
        const prompts = Array.from({ length: count }, (_, index) => ({ index, ids: [first] }));
        const texts: { text: string }[] = [];
        const options = { maxNewTokens: sampleTokens, batchSize: 32, temperature: 1, topK: 0, topP: 1, seed, ...stop };
        for await (const { text } of generate(loaded, prompts, options)) if (text !== '') texts.push({ text });
        return texts;
      }),
    rollOut: (weights, worlds, seed) =>
      using(weights, (loaded) => rollOut(loaded, worlds, { seed, temperature: 0, batchSize: 32, ...stop })),
    async newHead(model, labels, seed) {
      const out = joinPath(folder, 'headed');
      await removePath(out);
      await newHead({ model, labels, seed, storage: 'f32', out });
      return { model: out };
    },
    async merge(name, { model, adapter }) {
      if (adapter === undefined) return { model };
      const out = joinPath(folder, name);
      await removePath(out);
      await mergeAdapter({ model, adapter, out });
      return { model: out };
    },
    async labelled({ model, adapter }, rows) {
      const loaded = await openClassifier({ model, engine, adapter });
      try {
        let right = 0;
        for await (const { index, logits } of classify(
          loaded,
          rows.map((row) => ({ ...row })),
          { batchSize: 64 },
        )) {
          const best = logits.indexOf(Math.max(...logits));
          if (loaded.model.labels[best] === rows[index]?.label) right++;
        }
        return right / rows.length;
      } finally {
        await loaded.close();
      }
    },
    async operate(name, unit, options, { base, models }) {
      const out = joinPath(folder, name);
      await removePath(out);
      await operate({ unit, options, base, models, out, linalg, ...stop });
      return { model: out };
    },
    async probe(probe, before, after, options = {}) {
      const first = await openMergedWeights(before);
      try {
        const second = await openMergedWeights(after);
        try {
          const pair = { before: first, after: second };
          return (await probe.measure(pair, probe.schema.parse(options), { linalg, ...stop })).value;
        } finally {
          await second.close();
        }
      } finally {
        await first.close();
      }
    },
  };
}
