/** A place in the endless sequence of epochs, and the windows of micro-batches that make one step each. */
import { describe } from '../ir/errors.ts';
import type { Batch, Batches } from './batches.ts';

/** Next batch to come. */
export type CursorState = { version: 1; epoch: number; position: number };

/** The micro-batches of one optimizer step; losses are divided by `supervisedTokens` of the whole window. */
export type Window = { batches: Batch[]; epoch: number; tokens: number; supervisedTokens: number; endsEpoch: boolean };

export type Cursor = {
  /** The next window: up to `accumulation` batches, fewer where the epoch ends. */
  next: () => Window;
  windowsPerEpoch: number;
  save: () => CursorState;
  /** Goes on exactly where `save` was called; throws RangeError for a state that these batches cannot have. */
  load: (state: unknown) => void;
};

export function makeCursor(batches: Batches, accumulation = 1): Cursor {
  if (!Number.isInteger(accumulation) || accumulation < 1) {
    throw new RangeError(`Expected at least 1 gradient accumulation step but found ${accumulation}`);
  }
  let epoch = 0;
  let position = 0;
  return {
    windowsPerEpoch: Math.ceil(batches.batchesPerEpoch / accumulation),
    next() {
      const end = Math.min(position + accumulation, batches.batchesPerEpoch);
      const window: Window = {
        batches: [],
        epoch,
        tokens: 0,
        supervisedTokens: 0,
        endsEpoch: end === batches.batchesPerEpoch,
      };
      for (; position < end; position++) {
        const batch = batches.at(epoch, position);
        window.batches.push(batch);
        window.tokens += batch.tokens;
        window.supervisedTokens += batch.supervisedTokens;
      }
      if (window.endsEpoch) {
        epoch++;
        position = 0;
      }
      return window;
    },
    save: () => ({ version: 1, epoch, position }),
    load(state) {
      const {
        version,
        epoch: savedEpoch,
        position: savedPosition,
      } = (state ?? {}) as Partial<Record<keyof CursorState, unknown>>;
      const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
      if (version !== 1) throw new RangeError(`Expected a data cursor of version 1 but found ${describe(version)}`);
      if (!whole(savedEpoch) || !whole(savedPosition) || savedPosition >= batches.batchesPerEpoch) {
        throw new RangeError(
          `Expected a data cursor below batch ${batches.batchesPerEpoch} but found epoch ${describe(savedEpoch)}, batch ${describe(savedPosition)}`,
        );
      }
      epoch = savedEpoch;
      position = savedPosition;
    },
  };
}
