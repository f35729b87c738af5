import { type Constraint, jsonConstraint, type TokenTexts, tokenTexts } from './constrained.ts';
import { type Decoding, type DecodeStep, startDecoding } from './decoding.ts';
import { jsonMatcher } from './jsonMatcher.ts';
import type { JsonRule } from './jsonSchema.ts';
import { type ReadyModel, tokenizerOf } from './readyModel.ts';
import { greedySampling, logSumExp, penalise, sampleToken, type SamplingOptions, topLogprobs } from './sample.ts';
import { type TextStream, textStream } from './stopStrings.ts';

export interface Prompt {
  /** Number of the input line; keys the randomness. */
  readonly index: number;
  readonly ids: readonly number[];
}

export interface GenerateOptions extends Partial<SamplingOptions> {
  readonly maxNewTokens: number;
  /** Rows computed at once; default 8. */
  readonly batchSize?: number;
  /** Samples of each prompt; default 1. */
  readonly samples?: number;
  /** Texts that end a row; they are cut off its text. */
  readonly stop?: readonly string[];
  /** The text must be JSON of this rule. */
  readonly json?: JsonRule;
  /** Log-probabilities of the new tokens, with this many alternatives. */
  readonly logprobs?: number;
  readonly signal?: AbortSignal;
}

/** Log-probabilities of one new token, in nats. */
export interface TokenLogprob {
  /** Under the model, before penalties, temperature and filters. */
  readonly logprob: number;
  /** Under the distribution that it was drawn from; 0 when the most likely token was taken. */
  readonly samplerLogprob: number;
  /** The most likely tokens under the model. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

/** One line of `tuneloop generate`. */
export interface Generation {
  readonly index: number;
  /** Number of the sample, where several were asked for. */
  readonly sample?: number;
  /** New tokens only; a stop token that ended the row is the last. */
  readonly ids: readonly number[];
  /** Decoded without special tokens, up to a stop string. */
  readonly text: string;
  readonly finishReason: 'stop' | 'length';
  readonly logprobs?: readonly TokenLogprob[];
}

/** A piece of text of a row as it comes, or a row that has ended. */
export type GenerationEvent =
  | { readonly type: 'text'; readonly index: number; readonly sample: number; readonly text: string }
  | { readonly type: 'done'; readonly generation: Generation };

interface Row {
  readonly prompt: Prompt;
  readonly sample: number;
  readonly ids: number[];
  readonly logprobs: TokenLogprob[];
  readonly stream: TextStream;
  readonly constraint: Constraint | undefined;
  finish: 'stop' | 'length' | undefined;
}

interface Session {
  readonly loaded: ReadyModel;
  readonly options: GenerateOptions;
  readonly sampling: SamplingOptions;
  /** Whether text is wanted as it comes, or looked at for stop strings: else it is decoded once, when a row ends. */
  readonly streams: boolean;
  readonly stops: ReadonlySet<number>;
  /** Made for constraints alone. */
  readonly texts: TokenTexts | undefined;
}

/** The next token of a row, of logits that may be changed. */
function choose({ sampling, options }: Session, row: Row, logits: Float32Array): number {
  const { prompt, sample, ids } = row;
  const asked = options.logprobs === undefined ? undefined : topLogprobs(logits, options.logprobs);
  const raw = asked && logits.slice();
  penalise(logits, [...prompt.ids, ...ids], sampling.repetitionPenalty);
  const key = { prompt: prompt.index, sample, position: ids.length };
  const drawn = row.constraint?.draw(logits, sampling, key) ?? sampleToken(logits, sampling, key);
  if (asked && raw) {
    const logprob = (raw[drawn.id] ?? Number.NaN) - logSumExp(raw);
    row.logprobs.push({ logprob, samplerLogprob: drawn.logprob, top: asked });
  }
  return drawn.id;
}

/** Takes a row's next token; returns the text that it completes. */
function take({ loaded, options, stops, streams }: Session, row: Row, token: number): string {
  row.ids.push(token);
  const stopped = stops.has(token) || row.constraint?.final() === true;
  const full = row.ids.length === options.maxNewTokens;
  if (!streams && !stopped && !full) return '';
  const decoded = tokenizerOf(loaded).decode(row.ids, { skipSpecialTokens: true });
  const piece = row.stream.push(decoded);
  if (stopped || row.stream.stoppedBy() !== undefined) row.finish = 'stop';
  else if (full) row.finish = 'length';
  return row.finish === undefined ? piece : piece + row.stream.flush();
}

function generationOf({ options }: Session, row: Row): Generation {
  const { prompt, sample, ids, stream, finish, logprobs } = row;
  return {
    index: prompt.index,
    ...((options.samples ?? 1) > 1 ? { sample } : {}),
    ids,
    text: stream.text(),
    finishReason: finish ?? 'length',
    ...(options.logprobs === undefined ? {} : { logprobs }),
  };
}

async function* runBatch(session: Session, rows: readonly Row[]): AsyncGenerator<GenerationEvent> {
  const { loaded, options, sampling } = session;
  const { vocabSize } = loaded.model;
  const chosen = sampling.temperature > 0 || sampling.repetitionPenalty !== 1;
  const logits = chosen || options.json !== undefined || options.logprobs !== undefined;
  const prompts = rows.map(({ prompt }) => prompt.ids);
  const decoding: Decoding = startDecoding(loaded, prompts, { maxNewTokens: options.maxNewTokens, logits });
  let step: DecodeStep = await decoding.prefill();
  for (;;) {
    const tokens: number[] = [];
    for (const [i, row] of rows.entries()) {
      if (row.finish !== undefined) {
        tokens.push(row.ids.at(-1) ?? 0);
        continue;
      }
      const own = step.logits?.subarray(i * vocabSize, (i + 1) * vocabSize);
      const token = own ? choose(session, row, own) : (step.next[i] ?? 0);
      tokens.push(token);
      const text = take(session, row, token);
      const { index } = row.prompt;
      if (text !== '') yield { type: 'text', index, sample: row.sample, text };
      if (row.finish !== undefined) yield { type: 'done', generation: generationOf(session, row) };
    }
    if (rows.every(({ finish }) => finish !== undefined)) return;
    options.signal?.throwIfAborted();
    step = await decoding.append(tokens);
  }
}

function checkPrompt({ loaded, options }: Session, { index, ids }: Prompt): void {
  const { maxPositions, vocabSize } = loaded.model;
  const line = `input line ${index + 1}`;
  if (ids.length === 0) throw new RangeError(`Expected a prompt of at least one token at ${line} but found none`);
  if (ids.length + options.maxNewTokens > maxPositions) {
    throw new RangeError(
      `Expected at most ${maxPositions} tokens but ${line} has ${ids.length} and ${options.maxNewTokens} new ones are asked for`,
    );
  }
  const outside = ids.find((id) => !(id >= 0 && id < vocabSize));
  if (outside !== undefined)
    throw new RangeError(`Expected token ids below ${vocabSize} but found ${outside} at ${line}`);
}

async function* eventsOf(
  loaded: ReadyModel,
  prompts: Iterable<Prompt> | AsyncIterable<Prompt>,
  options: GenerateOptions,
  texts: boolean,
): AsyncGenerator<GenerationEvent> {
  const tokenizer = tokenizerOf(loaded);
  const { batchSize = 8, samples = 1, stop = [], json } = options;
  const session: Session = {
    loaded,
    options,
    sampling: { ...greedySampling, ...options },
    streams: texts || stop.length > 0,
    stops: new Set(tokenizer.eosTokenIds),
    texts: options.json && tokenTexts(tokenizer),
  };
  if (Array.isArray(prompts)) for (const prompt of prompts as readonly Prompt[]) checkPrompt(session, prompt);
  let rows: Row[] = [];
  for await (const prompt of prompts) {
    checkPrompt(session, prompt);
    for (let sample = 0; sample < samples; sample++) {
      const constraint = json && session.texts && jsonConstraint(jsonMatcher(json), session.texts, session.stops);
      const stream = textStream(stop);
      rows.push({ prompt, sample, ids: [], logprobs: [], stream, constraint, finish: undefined });
      if (rows.length < batchSize) continue;
      yield* runBatch(session, rows);
      rows = [];
    }
  }
  if (rows.length > 0) yield* runBatch(session, rows);
}

/**
 * Generates from prompts of token ids with a key-value cache, in batches, and tells text as it comes. Throws RangeError on
 * an empty prompt, on ids outside the vocabulary and on more tokens than the model has positions: of a list before the first
 * batch, else before its own.
 */
export const streamGenerate = (
  loaded: ReadyModel,
  prompts: Iterable<Prompt> | AsyncIterable<Prompt>,
  options: GenerateOptions,
): AsyncGenerator<GenerationEvent> => eventsOf(loaded, prompts, options, true);

/** `streamGenerate`, one result per prompt and sample, in their order. */
export async function* generate(
  loaded: ReadyModel,
  prompts: Iterable<Prompt> | AsyncIterable<Prompt>,
  options: GenerateOptions,
): AsyncGenerator<Generation> {
  const { batchSize = 8 } = options;
  // A batch ends as a whole, and rows of it in any order.
  let ended: Generation[] = [];
  const inOrder = (): Generation[] =>
    ended.toSorted((a, b) => a.index - b.index || (a.sample ?? 0) - (b.sample ?? 0)).splice(0);
  for await (const event of eventsOf(loaded, prompts, options, false)) {
    if (event.type !== 'done') continue;
    ended.push(event.generation);
    if (ended.length < batchSize) continue;
    yield* inOrder();
    ended = [];
  }
  yield* inOrder();
}
