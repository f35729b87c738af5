import type { Value } from '../ir/graph.ts';
import type { RandomKey } from '../ir/random.ts';
import type { Shape } from '../ir/types.ts';
import type { Sites } from '../nn/sites.ts';
import type { RandomService } from '../runtime/random.ts';

/** A trained tensor of an adapter. */
export interface AdapterParameter {
  readonly name: string;
  readonly shape: Shape;
  /** Writes the values that a new one starts from, a function of the key alone. */
  readonly initialize: (values: Float32Array, key: RandomKey, random: RandomService) => Promise<void>;
}

/** Leaves that dropout draws its masks from. */
export interface DropoutInputs {
  /** i32 [2] */
  readonly key: Value;
  /** i32 [B, T]: the example that a token belongs to. */
  readonly examples: Value;
  /** i32 [B, T] */
  readonly positions: Value;
}

export interface AdapterContext {
  readonly param: (name: string) => Value;
  /** Given while training; without it nothing is dropped. */
  readonly dropout?: DropoutInputs;
}

/** What is trained and how it is parametrised. */
export interface Adapter {
  readonly type: string;
  /** Trained: its parameters are the model's own, by their names, and start from the checkpoint's values. */
  readonly base: 'frozen' | 'trained';
  readonly parameters: readonly AdapterParameter[];
  /** Whether training programs need the leaves of `DropoutInputs`. */
  readonly drops: boolean;
  /** The model's sites with the adapter on them. */
  sites(context: AdapterContext): Sites;
}
