import { describe } from '../ir/errors.ts';

/** What a unit saves: plain data, and tensors by name. */
export interface SavedState {
  readonly data?: unknown;
  readonly tensors?: ReadonlyMap<string, Float32Array>;
}

/** A unit that changes while a run goes on: what it saves goes into every checkpoint and comes back on resume. */
export interface Stateful {
  /** Unique in a run; names its files. */
  readonly name: string;
  /** Raised whenever earlier states would be read differently; another version is refused. */
  readonly version: number;
  save(): Promise<SavedState>;
  /** Takes up what `save` gave. Throws naming what is missing or does not fit. */
  load(saved: SavedState): Promise<void>;
}

/** A number of steps that was saved; RangeError where it is none. */
export function savedSteps(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new RangeError(`Expected a number of steps but found ${describe(value)}`);
}
