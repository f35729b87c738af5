import type { TrainExample } from '../data/dataset.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import { tokensAt } from '../nn/encoder.ts';
import type { AnyClassifier, Classifier, Encoder, TaskModel } from '../nn/model.ts';
import { modelKind } from '../nn/models/index.ts';
import type { Engine } from '../runtime/engine.ts';
import { classify } from './classifier.ts';
import { type Probe, probesOf, textProbesOf } from './exportCheck.ts';
import { type LoadedModel, openClassifier, openEncoder, openModel, tokenizerOf } from './model.ts';
import { score } from './score.ts';

/** A model's tokens of hard texts, and what it makes of sequences. */
export interface Reading {
  readonly probes: readonly Probe[];
  /** The sequences: those that were given, else the probes, cut to the model's length. */
  readonly asked: readonly Probe[];
  readonly values: readonly number[];
}

/** What a model and its export are compared on, by what the model is for. */
export interface Subject {
  readonly compared: 'log-probabilities' | 'logits' | 'hidden states';
  /** A share is of the root mean square of the model's own values. */
  readonly unit: 'nats' | 'share';
  /** Hard texts as a tokenizer reads them. */
  probes(tokenizer: Tokenizer): Probe[];
  read(path: string, engine: Engine, given?: readonly Probe[]): Promise<Reading>;
}

async function reading<M extends TaskModel>(
  loaded: LoadedModel<M>,
  probesFor: (tokenizer: Tokenizer) => Probe[],
  given: readonly Probe[] | undefined,
  values: (asked: readonly Probe[]) => Promise<number[]>,
): Promise<Reading> {
  try {
    const probes = probesFor(tokenizerOf(loaded));
    const most = loaded.model.maxPositions;
    const cut = ({ tokenTypes, ...probe }: Probe): Probe => ({
      ...probe,
      ids: probe.ids.slice(0, most),
      ...(tokenTypes ? { tokenTypes: tokenTypes.slice(0, most) } : {}),
    });
    const asked = given ?? probes.map(cut);
    return { probes, asked, values: await values(asked) };
  } finally {
    await loaded.close();
  }
}

const examplesOf = (probes: readonly Probe[]): TrainExample[] =>
  probes.map(({ ids, tokenTypes }, index) => ({
    index,
    ids: Int32Array.from(ids),
    mask: new Uint8Array(ids.length).fill(1),
    ...(tokenTypes ? { tokenTypes: Uint8Array.from(tokenTypes) } : {}),
  }));

/** ln p of every token after the first, sequence after sequence. */
const language: Subject = {
  compared: 'log-probabilities',
  unit: 'nats',
  probes: probesOf,
  read: async (path, engine, given) => {
    const loaded = await openModel({ model: path, engine });
    return reading(loaded, probesOf, given, async (asked) => {
      const found: number[] = [];
      for await (const line of score(loaded, examplesOf(asked), { batchSize: asked.length }))
        for (const logprob of line.logprobs) if (logprob !== null) found.push(logprob);
      return found;
    });
  },
};

async function classified(loaded: LoadedModel<AnyClassifier>, given: readonly Probe[] | undefined): Promise<Reading> {
  return reading(loaded, textProbesOf, given, async (asked) => {
    const found: number[] = [];
    for await (const { logits } of classify(loaded, examplesOf(asked), { batchSize: asked.length }))
      found.push(...logits);
    return found;
  });
}

/** A classifier's logits, text after text. */
const classifies: Subject = {
  compared: 'logits',
  unit: 'nats',
  probes: textProbesOf,
  read: async (path, engine, given) => classified(await openClassifier({ model: path, engine }), given),
};

/** An encoder as if its first token's hidden state were logits. */
export const firstState = (encoder: Encoder): Classifier => ({
  ...encoder,
  labels: Array.from({ length: encoder.hiddenSize }, (_, i) => `${i}`),
  problemType: 'regression',
  headModules: [],
  reads: 'first',
  logits: (inputs, places) => tokensAt(encoder.hidden(inputs), places),
});

/** Hidden states of the first tokens, text after text. */
const encodes: Subject = {
  compared: 'hidden states',
  unit: 'share',
  probes: textProbesOf,
  read: async (path, engine, given) => classified(await openEncoder({ model: path, engine }, firstState), given),
};

/** What a model of a config.json is compared on. */
export function subjectOf(config: Readonly<Record<string, unknown>>): Subject {
  const kind = modelKind(config);
  if (kind === 'language') return language;
  return kind === 'encoder' ? encodes : classifies;
}
