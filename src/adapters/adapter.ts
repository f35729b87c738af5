import type { Value } from '../ir/graph.ts';
import type { RandomKey } from '../ir/random.ts';
import type { Shape } from '../ir/types.ts';
import type { PeftTensor } from '../hub/peft.ts';
import type { Emissions } from '../nn/emissions.ts';
import type { Sites } from '../nn/sites.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';
import type { RandomService } from '../runtime/random.ts';

/** What new values may be made from. */
export interface InitialContext {
  /** Of this tensor alone. */
  readonly key: RandomKey;
  readonly random: RandomService;
  /** Values of the frozen base by name: read, never written. */
  readonly base: (name: string) => Promise<Float32Array>;
  readonly linalg: LinearAlgebra;
}

/** A trained tensor of an adapter. */
export interface AdapterParameter {
  /** Unique beside the model's own names, unless it is one of them: then the model's own weight is trained. */
  readonly name: string;
  /** Its name in PEFT's files, after `base_model.model.`, where that is another. */
  readonly file?: string;
  readonly shape: Shape;
  /** False where weight decay leaves it out, as transformers does with norms and biases. */
  readonly decays: boolean;
  /** Writes the values that a new one starts from. */
  readonly initialize: (values: Float32Array, context: InitialContext) => Promise<void>;
}

/** A tensor that is kept but not trained by gradients: running statistics, masks, counters. Checkpoints hold it. */
export interface AdapterState {
  readonly name: string;
  readonly shape: Shape;
  readonly initialize: (values: Float32Array, context: InitialContext) => Promise<void>;
}

/** Leaves that dropout draws its masks from. */
export interface DropoutInputs {
  /** i32 [2] */
  readonly key: Value;
  /** i32 [B, T]: the example that a token belongs to. */
  readonly examples: Value;
  /** i32 [B, T] */
  readonly positions: Value;
  /** i32 [N]: the tokens, counted over all rows, that layers of a classifier's head are given alone. */
  readonly places?: Value;
}

/** What only training programs have. */
export interface TrainingInputs {
  /** Given where the adapter drops. */
  readonly dropout?: DropoutInputs;
  /** f32 [B, T]: the weight of each token's loss, 0 where nothing is learned. */
  readonly weights: Value;
}

export interface AdapterContext {
  /** A trained tensor, a state or a weight of the base by name. */
  readonly param: (name: string) => Value;
  readonly emissions: Emissions;
  /** Without it nothing is dropped and no state changes. */
  readonly training?: TrainingInputs;
}

/** What may change between two steps, on the host. */
export interface BetweenSteps {
  /** Values of a trained tensor or a state, to read and to write. */
  values(name: string): Promise<Float32Array>;
  /** Starts a trained tensor anew, with random numbers of this step. */
  renew(name: string): Promise<void>;
  /** Clears what the optimizers remember. */
  resetOptimizers(): Promise<void>;
}

/** How an adapter goes into one tensor of a checkpoint. */
export interface Merge {
  /** The tensor that is written. */
  readonly name: string;
  /** The base's tensor that it starts from, where that has another name: a tied head that comes apart. */
  readonly from?: string;
  /** A head that is tied to this tensor changes with it. */
  readonly tiedToo?: boolean;
  /** Changes the base's values; `param` gives those of the adapter, states included. */
  readonly apply: (values: Float32Array, param: (name: string) => Float32Array) => void;
}

/** What is trained and how it is parametrised. */
export interface Adapter {
  readonly type: string;
  readonly parameters: readonly AdapterParameter[];
  readonly states?: readonly AdapterState[];
  /** Whether training programs need the leaves of `DropoutInputs`. */
  readonly drops: boolean;
  /** Tokens that stand before every sequence in the key-value caches. */
  readonly prefixTokens?: number;
  /** Names of the base's tensors and of the trained copies that stand in their place. */
  readonly replaces?: ReadonlyMap<string, string>;
  /** The model's sites with the adapter on them. */
  sites(context: AdapterContext): Sites;
  /** What changes after `step` of a run's `steps`, before the next one; undefined where nothing does. */
  betweenSteps?(step: number, steps: number): ((context: BetweenSteps) => Promise<void>) | undefined;
  /** How it goes into the base's weights, or why it cannot. */
  readonly merges: readonly Merge[] | { readonly cannot: string };
  /** How PEFT's files hold it; without it the trained weights are the model's own and are written as a checkpoint. */
  readonly peft?: PeftFiles;
}

export interface PeftFiles {
  /** What adapter_config.json holds beside the base's name. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In a few words, for the model card. */
  readonly summary: string;
  /** Files that others load where the plain form would need the base changed: config and tensors in an equal form, of the values of parameters and states. */
  readonly convert?: (values: (name: string) => Float32Array) => {
    readonly config: Readonly<Record<string, unknown>>;
    readonly tensors: readonly PeftTensor[];
  };
  /** Further tensors that a file may hold: copies of the base's own by their names in the file and in the base, which is left open where the copy lacks a part. */
  readonly copies?: ReadonlyMap<string, string | undefined>;
}
