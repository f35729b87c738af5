import type { Value } from '../ir/graph.ts';
import type { QuantizedType } from '../ir/ops/dequantize.ts';
import type { Shape } from '../ir/types.ts';
import type { Emissions } from './emissions.ts';
import type { Sites } from './sites.ts';

/** Key and value caches of every layer, [B, KV, S, width] each. */
export interface ModelCache {
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
  /** i32 [B]: tokens that each row holds. */
  readonly lengths: Value;
  /** The cache holds nothing yet. */
  readonly fresh: boolean;
}

export interface ModelInputs {
  /** A parameter's value by the checkpoint's own name. */
  readonly param: (name: string) => Value;
  /** i32 [B, T] */
  readonly ids: Value;
  /** i32 [B, T] */
  readonly positions: Value;
  /** i32 [B, T]: tokens see only their own segment; null when rows hold one sequence each. */
  readonly segments: Value | null;
  /** All positions are below this. */
  readonly positionLimit: number;
  readonly sites: Sites;
  /** Takes what wraps emit inside of recomputed blocks. */
  readonly emissions?: Emissions;
  readonly cache?: ModelCache;
  /** Computes each block again for the gradient instead of keeping its intermediate values. */
  readonly recompute?: boolean;
}

export interface ModelOutputs {
  /** Final hidden states, normed: [B, T, D]. */
  readonly hidden: Value;
  /** The caches with the new tokens, where there was a cache. */
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  /** False where weight decay leaves it out: norms and biases. */
  readonly decays: boolean;
  /** A model that is trained from scratch draws it from this normal distribution. */
  readonly init: { readonly mean: number; readonly deviation: number };
  /** Set where it is held in blocks of few bits. */
  readonly quantized?: QuantizedType;
}

/** A linear layer that an adapter may target. */
export interface LinearSpec {
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias?: boolean;
  /** The weight is stored as [in, out]. */
  readonly transposed?: boolean;
}

/** An embedding table that an adapter may target. */
export interface EmbeddingSpec {
  readonly name: string;
  /** Rows of the table. */
  readonly count: number;
  readonly width: number;
}

/** A convolution that an adapter may scale. */
export interface ConvolutionSpec {
  readonly name: string;
  readonly outChannels: number;
}

/** What every model says of itself: pure functions of its config. */
export interface Model {
  /** The hub's model_type. */
  readonly type: string;
  /** Ids are below this: tokens, of an image its pixels. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Most ids of an example. */
  readonly maxPositions: number;
  readonly parameters: readonly ParameterSpec[];
  /** All linear layers inside the blocks: what `all-linear` means (the head is not among them). */
  readonly linears: readonly LinearSpec[];
  readonly embeddings: readonly EmbeddingSpec[];
  readonly convolutions?: readonly ConvolutionSpec[];
  /** What PEFT adapts when no target modules are named. */
  readonly defaultTargets: readonly string[];
  /** Fields of the config that are unknown to this architecture and have no effect. */
  readonly ignoredFields: readonly string[];
  /** The parameter's own name of a tensor by a checkpoint's name for it; null for buffers. */
  ownName(stored: string): string | null;
  /** The name that a checkpoint's files have for a parameter, where it is another. */
  fileName?(own: string): string;
}

/** A causal language model. */
export interface LanguageModel extends Model {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  /** Name of the output head's weight; the embedding's when they are tied. */
  readonly head: string;
  /** The output head's module. */
  readonly headModule: string;
  readonly tied: boolean;
  /** Bound c of the logits: c tanh(z / c). */
  readonly logitsSoftCap?: number;
  hidden(inputs: ModelInputs): ModelOutputs;
}

export interface EncoderInputs extends Pick<
  ModelInputs,
  'param' | 'ids' | 'positionLimit' | 'sites' | 'emissions' | 'recompute'
> {
  /** i32 [B, T]: from 0 in every sequence. */
  readonly positions: Value;
  /** i32 [B, T]: tokens see their own segment only; padding is one of its own. */
  readonly segments: Value;
  /** i32 [B, T]: 0 in the first text of a pair, 1 in the second, where the tokenizer tells them apart. */
  readonly tokenTypes: Value;
}

/** A model whose tokens all see each other. */
export interface Encoder extends Model {
  readonly layers: number;
  /** Final hidden states [B, T, D]. */
  hidden(inputs: EncoderInputs): Value;
}

/** What a classifier's logits say: one of the labels, each label by itself, or numbers; null goes by the number of labels and the data. */
export type ProblemType = 'single_label_classification' | 'multi_label_classification' | 'regression' | null;

/** What a classifier says of its labels. */
export interface Labels {
  /** By their ids. */
  readonly labels: readonly string[];
  readonly problemType: ProblemType;
}

/** Modules that make logits of a hidden state, which a new task needs anew. */
export interface Head {
  readonly headModules: readonly string[];
}

/** A model with a head that reads one token of each sequence; transformers calls the head classifier or score. */
export interface Classifier extends Model, Labels, Head {
  /** The token that is read: an encoder's first, a decoder's last. */
  readonly reads: 'first' | 'last';
  /** Logits [N, labels] of the tokens at `places` i32 [N], counted over all rows. */
  logits(inputs: EncoderInputs, places: Value): Value;
}

/** Pixels of the images that a model takes. */
export interface ImageSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export interface ImageInputs extends Pick<ModelInputs, 'param' | 'sites' | 'emissions' | 'recompute'> {
  /** f32 [B, channels, height, width], normalised */
  readonly pixels: Value;
}

/** A model that turns an image into tokens which all see each other. */
export interface ImageEncoder extends Model {
  readonly layers: number;
  readonly image: ImageSize;
  /** Tokens of an image. */
  readonly tokens: number;
  /** Final hidden states [B, tokens, D]. */
  hidden(inputs: ImageInputs): Value;
}

/** An image encoder with a head that reads the first token. */
export interface ImageClassifier extends Model, Labels, Head {
  readonly image: ImageSize;
  readonly tokens: number;
  /** Logits [B, labels]. */
  logits(inputs: ImageInputs): Value;
}

/** A classifier of texts or of images. */
export type AnyClassifier = Classifier | ImageClassifier;

/** A model that is trained and scored. */
export type TaskModel = LanguageModel | AnyClassifier;

export const isClassifier = (model: TaskModel): model is AnyClassifier => 'labels' in model;
export const readsImages = (model: TaskModel): model is ImageClassifier => 'image' in model;
