import type { Batch } from '../data/batches.ts';
import type { RandomKey } from '../ir/random.ts';
import type { Tensors } from '../runtime/engine.ts';
import { tensor } from '../runtime/tensor.ts';

/** The example that each token belongs to, [B, T]; padding counts as example 0. */
function examplesOf({ batch, length, segments, rowIndexes }: Batch): Int32Array {
  const examples = new Int32Array(batch * length);
  for (let i = 0; i < examples.length; i++) {
    const segment = segments[i] ?? -1;
    if (segment >= 0) examples[i] = rowIndexes[Math.floor(i / length)]?.[segment] ?? 0;
  }
  return examples;
}

/** Inputs of a score or train program from a batch. */
export function tokenFeeds(batch: Batch, packed: boolean): Record<string, Tensors[string]> {
  const shape = [batch.batch, batch.length];
  return {
    ids: tensor('i32', shape, batch.ids),
    positions: tensor('i32', shape, batch.positions),
    targets: tensor('i32', shape, batch.targets),
    weights: tensor('f32', shape, batch.weights),
    ...(packed ? { segments: tensor('i32', shape, batch.segments) } : {}),
  };
}

/** Inputs of dropout: the key of the step and what its masks are drawn by. */
export function dropoutFeeds(batch: Batch, key: RandomKey): Record<string, Tensors[string]> {
  return {
    key: tensor('i32', [2], key),
    examples: tensor('i32', [batch.batch, batch.length], examplesOf(batch)),
  };
}
