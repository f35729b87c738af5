import type { Program, Tensors } from '../runtime/engine.ts';
import { allocate, type Tensor, tensor } from '../runtime/tensor.ts';
import { type LoadedModel, tokenizerOf } from './model.ts';
import { cacheNames, decodeGraph, type DecodeShape } from './programs.ts';
import { sampleToken, type SamplingOptions } from './sample.ts';

export interface Prompt {
  /** Number of the input line; keys the randomness. */
  readonly index: number;
  readonly ids: readonly number[];
}

export interface GenerateOptions extends SamplingOptions {
  readonly maxNewTokens: number;
  readonly batchSize: number;
  readonly signal?: AbortSignal;
}

/** One line of `tuneloop generate`. */
export interface Generation {
  readonly index: number;
  /** New tokens only; a stop token that ended the row is the last. */
  readonly ids: readonly number[];
  /** Decoded without special tokens. */
  readonly text: string;
  readonly finishReason: 'stop' | 'length';
}

const roundUp = (count: number, multiple: number): number => Math.ceil(count / multiple) * multiple;

interface Row {
  readonly prompt: Prompt;
  readonly ids: number[];
  done: boolean;
}

/** A batch of prompts with the caches that they fill. */
interface Decoding {
  readonly rows: readonly Row[];
  readonly capacity: number;
  readonly caches: Readonly<Record<string, Tensor>>;
  readonly logits: boolean;
}

function program(loaded: LoadedModel, shape: DecodeShape): Promise<Program> {
  return loaded.programs.get(`decode ${JSON.stringify(shape)}`, () =>
    decodeGraph(loaded.model, loaded.attached?.adapter, shape),
  );
}

/** The next token of each row from a step's outputs. */
function nextTokens(outputs: Tensors, { rows }: Decoding, vocabSize: number, options: GenerateOptions): number[] {
  const { next, logits } = outputs;
  return rows.map(({ prompt, ids }, row) => {
    if (!(logits?.data instanceof Float32Array)) return next?.data[row] ?? 0;
    return sampleToken(logits.data.subarray(row * vocabSize, (row + 1) * vocabSize), options, prompt.index, ids.length);
  });
}

/** Prompts, padded on the right, into empty caches. */
async function prefill(loaded: LoadedModel, decoding: Decoding, options: GenerateOptions): Promise<number[]> {
  const { rows, capacity, caches, logits } = decoding;
  const batch = rows.length;
  const length = Math.min(capacity, roundUp(Math.max(...rows.map(({ prompt }) => prompt.ids.length)), 32));
  const loadedProgram = await program(loaded, { batch, length, capacity, fresh: true, logits });
  const ids = new Int32Array(batch * length);
  rows.forEach(({ prompt }, row) => ids.set(prompt.ids, row * length));
  const outputs = await loadedProgram.run({
    ...caches,
    ids: tensor('i32', [batch, length], ids),
    positions: tensor(
      'i32',
      [batch, length],
      ids.map((_, i) => i % length),
    ),
    ...(length > 1
      ? {
          last: tensor(
            'i32',
            [batch],
            rows.map(({ prompt }, row) => row * length + prompt.ids.length - 1),
          ),
        }
      : {}),
    lengths: tensor('i32', [batch], new Int32Array(batch)),
  });
  return nextTokens(outputs, decoding, loaded.model.vocabSize, options);
}

/** One more token for every row. */
async function decode(
  loaded: LoadedModel,
  decoding: Decoding,
  tokens: readonly number[],
  step: number,
  options: GenerateOptions,
): Promise<number[]> {
  const { rows, capacity, caches, logits } = decoding;
  const batch = rows.length;
  const lengths = rows.map(({ prompt }) => prompt.ids.length + step);
  const loadedProgram = await program(loaded, { batch, length: 1, capacity, fresh: false, logits });
  const outputs = await loadedProgram.run({
    ...caches,
    ids: tensor('i32', [batch, 1], tokens),
    positions: tensor('i32', [batch, 1], lengths),
    lengths: tensor('i32', [batch], lengths),
  });
  return nextTokens(outputs, decoding, loaded.model.vocabSize, options);
}

function emptyCaches(loaded: LoadedModel, batch: number, capacity: number): Record<string, Tensor> {
  const { layers, kvHeads, headWidth } = loaded.model;
  const caches: Record<string, Tensor> = {};
  for (let layer = 0; layer < layers; layer++) {
    const { keys, values } = cacheNames(layer);
    for (const name of [keys, values]) caches[name] = allocate('f32', [batch, kvHeads, capacity, headWidth]);
  }
  return caches;
}

async function generateBatch(
  loaded: LoadedModel,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): Promise<Generation[]> {
  const tokenizer = tokenizerOf(loaded);
  const stops = new Set(tokenizer.eosTokenIds);
  const longest = Math.max(...prompts.map(({ ids }) => ids.length));
  const capacity = roundUp(longest + options.maxNewTokens, 64);
  const decoding: Decoding = {
    rows: prompts.map((prompt) => ({ prompt, ids: [], done: false })),
    capacity,
    caches: emptyCaches(loaded, prompts.length, capacity),
    logits: options.temperature > 0,
  };
  let tokens = await prefill(loaded, decoding, options);
  for (let step = 0; ; step++) {
    decoding.rows.forEach((row, i) => {
      if (row.done) return;
      const token = tokens[i] ?? 0;
      row.ids.push(token);
      row.done = stops.has(token) || row.ids.length === options.maxNewTokens;
    });
    if (decoding.rows.every(({ done }) => done)) break;
    options.signal?.throwIfAborted();
    tokens = await decode(loaded, decoding, tokens, step, options);
  }
  return decoding.rows.map(({ prompt, ids }) => ({
    index: prompt.index,
    ids,
    text: tokenizer.decode(ids, { skipSpecialTokens: true }),
    finishReason: stops.has(ids.at(-1) ?? -1) ? 'stop' : 'length',
  }));
}

/**
 * Generates from prompts of token ids with a key-value cache, in batches, in the order of the prompts. Throws RangeError
 * on an empty prompt, on ids outside the vocabulary and on more tokens than the model has positions.
 */
export async function* generate(
  loaded: LoadedModel,
  prompts: readonly Prompt[],
  options: GenerateOptions,
): AsyncGenerator<Generation> {
  const { maxPositions, vocabSize } = loaded.model;
  for (const { index, ids } of prompts) {
    if (ids.length === 0)
      throw new RangeError(`Expected a prompt of at least one token at input line ${index + 1} but found none`);
    if (ids.length + options.maxNewTokens > maxPositions) {
      throw new RangeError(
        `Expected at most ${maxPositions} tokens but input line ${index + 1} has ${ids.length} and ${options.maxNewTokens} new ones are asked for`,
      );
    }
    const outside = ids.find((id) => !(id >= 0 && id < vocabSize));
    if (outside !== undefined)
      throw new RangeError(`Expected token ids below ${vocabSize} but found ${outside} at input line ${index + 1}`);
  }
  for (let start = 0; start < prompts.length; start += options.batchSize) {
    yield* await generateBatch(loaded, prompts.slice(start, start + options.batchSize), options);
  }
}
