import type { Program, Tensors } from '../runtime/engine.ts';
import { allocate, type Tensor, tensor } from '../runtime/tensor.ts';
import type { ReadyModel } from './readyModel.ts';
import { cacheNames, decodeGraph, type DecodeShape } from './decodeProgram.ts';
import { allOf, inBatches, type Work } from './work.ts';

/** What a step says of each row: its most likely next token, or the logits to choose from. */
export interface DecodeStep {
  readonly next: ArrayLike<number>;
  /** Logits [B, V], where they were asked for. */
  readonly logits: Float32Array | undefined;
}

/** A batch of sequences with the key-value caches that they fill. */
export interface Decoding {
  /** Runs the prompts, padded on the right, into the empty caches. */
  prefill(): Promise<DecodeStep>;
  /** Appends one token to every row. */
  append(tokens: readonly number[]): Promise<DecodeStep>;
}

export interface DecodingOptions {
  readonly maxNewTokens: number;
  /** Whether logits are asked for, not the most likely token alone. */
  readonly logits: boolean;
}

const roundUp = (count: number, multiple: number): number => Math.ceil(count / multiple) * multiple;

/** Shapes of the two programs that write after prompts of these lengths: theirs, then one token after another. */
function decodeShapes(
  loaded: ReadyModel,
  lengths: readonly number[],
  { maxNewTokens, logits }: DecodingOptions,
): { readonly first: DecodeShape; readonly next: DecodeShape } {
  const prefix = loaded.attached?.adapter.prefixTokens ?? 0;
  const longest = Math.max(...lengths);
  const capacity = roundUp(prefix + longest + maxNewTokens, 64);
  const shape = { batch: lengths.length, capacity, logits };
  return {
    first: { ...shape, length: Math.min(capacity - prefix, roundUp(longest, 32)), fresh: true },
    next: { ...shape, length: 1, fresh: false },
  };
}

/** What it takes to write after prompts of these lengths, so many at once. */
export function decodingWork(
  loaded: ReadyModel,
  lengths: readonly number[],
  { batchSize, ...options }: DecodingOptions & { readonly batchSize: number },
): Work {
  if (lengths.length === 0) return allOf([]);
  const { layers, kvHeads, headWidth } = loaded.model;
  const batches = inBatches(lengths, batchSize).map((batch) => decodeShapes(loaded, batch, options));
  const longest = Math.max(...lengths);
  const { first, next } = decodeShapes(loaded, lengths.slice(0, batchSize).fill(longest), options);
  const graph = (shape: DecodeShape) => () => decodeGraph(loaded.model, loaded.attached?.adapter, shape);
  const writes = Math.max(0, options.maxNewTokens - 1);
  return {
    graphs: [graph(first), graph(next)],
    hostBytes: 4 * 2 * layers * kvHeads * headWidth * first.batch * first.capacity,
    places: batches.reduce((sum, { first: { batch, length } }) => sum + batch * (length + writes), 0),
    writes: batches.length * writes,
  };
}

function program(loaded: ReadyModel, shape: DecodeShape): Promise<Program> {
  return loaded.programs.get(`decode ${JSON.stringify(shape)}`, () =>
    decodeGraph(loaded.model, loaded.attached?.adapter, shape),
  );
}

function emptyCaches(loaded: ReadyModel, batch: number, capacity: number): Record<string, Tensor> {
  const { layers, kvHeads, headWidth } = loaded.model;
  const caches: Record<string, Tensor> = {};
  for (let layer = 0; layer < layers; layer++) {
    const { keys, values } = cacheNames(layer);
    for (const name of [keys, values]) caches[name] = allocate('f32', [batch, kvHeads, capacity, headWidth]);
  }
  return caches;
}

const stepOf = ({ next, logits }: Tensors): DecodeStep => ({
  next: next?.data ?? [],
  logits: logits?.data instanceof Float32Array ? logits.data : undefined,
});

/** Begins a batch that will grow by `maxNewTokens` at most. */
export function startDecoding(
  loaded: ReadyModel,
  prompts: readonly (readonly number[])[],
  options: DecodingOptions,
): Decoding {
  const { first, next } = decodeShapes(
    loaded,
    prompts.map((ids) => ids.length),
    options,
  );
  const { batch, length } = first;
  const caches = emptyCaches(loaded, batch, first.capacity);
  let appended = 0;
  return {
    prefill: async () => {
      const loadedProgram = await program(loaded, first);
      const ids = new Int32Array(batch * length);
      prompts.forEach((prompt, row) => ids.set(prompt, row * length));
      const places = ids.map((_, i) => i % length);
      const last = prompts.map((prompt, row) => row * length + prompt.length - 1);
      const outputs = await loadedProgram.run({
        ...caches,
        ids: tensor('i32', [batch, length], ids),
        positions: tensor('i32', [batch, length], places),
        ...(length > 1 ? { last: tensor('i32', [batch], last) } : {}),
        lengths: tensor('i32', [batch], new Int32Array(batch)),
      });
      return stepOf(outputs);
    },
    append: async (tokens) => {
      const lengths = prompts.map((prompt) => prompt.length + appended);
      const loadedProgram = await program(loaded, next);
      const outputs = await loadedProgram.run({
        ...caches,
        ids: tensor('i32', [batch, 1], tokens),
        positions: tensor('i32', [batch, 1], lengths),
        lengths: tensor('i32', [batch], lengths),
      });
      appended++;
      return stepOf(outputs);
    },
  };
}
