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
