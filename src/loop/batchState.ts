import type { Batch } from '../data/batches.ts';
import { isRecord } from '../hub/json.ts';
import type { Stateful } from './stateful.ts';

const arrays = ['ids', 'targets', 'weights', 'positions', 'segments'] as const;

/** Batches of answers as a unit of checkpoints. Integers are kept as f32, which holds those below 2^24. */
export function batchState(
  name: string,
  batches: () => readonly Batch[],
  take: (batches: readonly Batch[]) => void,
): Stateful {
  return {
    name,
    version: 1,
    save: async () => {
      const tensors = new Map<string, Float32Array>();
      const data = batches().map((batch, i) => {
        for (const array of arrays) tensors.set(`${i}.${array}`, Float32Array.from(batch[array]));
        const { advantages, oldLogprobs } = batch.answered ?? {};
        if (advantages) tensors.set(`${i}.advantages`, advantages);
        if (oldLogprobs) tensors.set(`${i}.oldLogprobs`, oldLogprobs);
        const { batch: rows, length, tokens, supervisedTokens, rowIndexes } = batch;
        return { batch: rows, length, tokens, supervisedTokens, rowIndexes };
      });
      return { data, tensors };
    },
    load: async ({ data, tensors }) => {
      if (!Array.isArray(data) || !data.every(isRecord))
        throw new RangeError(`Expected the batches of ${name} but found ${typeof data}`);
      take(
        (data as unknown as Omit<Batch, (typeof arrays)[number]>[]).map((shape, i): Batch => {
          const size = shape.batch * shape.length;
          const values = (array: string, length: number): Float32Array => {
            const found = tensors?.get(`${i}.${array}`);
            if (found?.length !== length)
              throw new RangeError(
                `Expected ${length} values of ${name} ${i}.${array} but found ${found?.length ?? 'none'}`,
              );
            return found;
          };
          const integers = (array: string): Int32Array => Int32Array.from(values(array, size));
          const old = tensors?.has(`${i}.oldLogprobs`) === true ? { oldLogprobs: values('oldLogprobs', size) } : {};
          return {
            ...shape,
            ids: integers('ids'),
            targets: integers('targets'),
            weights: values('weights', size),
            positions: integers('positions'),
            segments: integers('segments'),
            answered: { advantages: values('advantages', shape.batch), ...old },
          };
        }),
      );
    },
  };
}
