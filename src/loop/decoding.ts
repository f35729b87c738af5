import type { Graph } from '../ir/graph.ts';
import type { Program, Tensors } from '../runtime/engine.ts';
import { allocate, type Tensor, tensor } from '../runtime/tensor.ts';
import type { ReadyModel } from './readyModel.ts';
import { cacheNames, decodeGraph, type DecodeShape } from './decodeProgram.ts';

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

const roundUp = (count: number, multiple: number): number => Math.ceil(count / multiple) * multiple;

/** Places of a cache for so many tokens. */
const capacityFor = (tokens: number): number => roundUp(tokens, 64);
/** Places that the longest prompt is padded to. */
const promptLength = (longest: number, most: number): number => Math.min(most, roundUp(longest, 32));

/** The programs of a batch of answers and the bytes of its caches, before there are any. */
export function answerGraphs(
  { model, attached }: Pick<ReadyModel, 'model' | 'attached'>,
  shape: { readonly batch: number; readonly prompt: number; readonly maxNewTokens: number; readonly logits: boolean },
): { readonly graphs: readonly Graph[]; readonly cacheBytes: number } {
  const { batch, prompt, maxNewTokens, logits } = shape;
  const prefix = attached?.adapter.prefixTokens ?? 0;
  const capacity = capacityFor(prefix + prompt + maxNewTokens);
  const steps = [
    { length: promptLength(prompt, capacity - prefix), fresh: true },
    { length: 1, fresh: false },
  ];
  const { layers, kvHeads, headWidth } = model;
  return {
    graphs: steps.map((step) => decodeGraph(model, attached?.adapter, { batch, capacity, logits, ...step })),
    cacheBytes: 4 * 2 * layers * batch * kvHeads * capacity * headWidth,
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
  options: { readonly maxNewTokens: number; readonly logits: boolean },
): Decoding {
  const { logits } = options;
  const batch = prompts.length;
  const longest = Math.max(...prompts.map((ids) => ids.length));
  const prefix = loaded.attached?.adapter.prefixTokens ?? 0;
  const capacity = capacityFor(prefix + longest + options.maxNewTokens);
  const caches = emptyCaches(loaded, batch, capacity);
  let appended = 0;
  return {
    prefill: async () => {
      const length = promptLength(longest, capacity - prefix);
      const loadedProgram = await program(loaded, { batch, length, capacity, fresh: true, logits });
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
      const loadedProgram = await program(loaded, { batch, length: 1, capacity, fresh: false, logits });
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
