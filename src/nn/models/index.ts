import { describe, named } from '../../ir/errors.ts';
import type {
  AnyClassifier,
  Classifier,
  Encoder,
  ImageClassifier,
  ImageEncoder,
  LanguageModel,
  Model,
  TaskModel,
} from '../model.ts';
import { bert, bertClassifier } from './bert.ts';
import { decoderClassifier } from './decoderClassifier.ts';
import { distilbert, distilbertClassifier } from './distilbert.ts';
import { gemma3Text } from './gemma3_text.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { roberta, robertaClassifier } from './roberta.ts';
import { vit, vitClassifier } from './vit.ts';

type Json = Readonly<Record<string, unknown>>;
type Builders<M> = Readonly<Record<string, (json: Json) => M>>;

const languageModels: Builders<LanguageModel> = { gemma3_text: gemma3Text, gpt2, llama, mistral, qwen2, qwen3 };
const encoders: Builders<Encoder> = { bert, distilbert, roberta };
const encoderClassifiers: Builders<Classifier> = {
  bert: bertClassifier,
  distilbert: distilbertClassifier,
  roberta: robertaClassifier,
};
const imageEncoders: Builders<ImageEncoder> = { vit };
const imageClassifiers: Builders<ImageClassifier> = { vit: vitClassifier };

function builderOf<M>(builders: Builders<M>, type: unknown): ((json: Json) => M) | undefined {
  return typeof type === 'string' && Object.hasOwn(builders, type) ? builders[type] : undefined;
}

function unknown(json: Json, known: readonly string[]): TypeError {
  return new TypeError(
    `Expected a model_type of ${known.join(', ')} in config.json but found ${describe(json['model_type'])}`,
  );
}

/** What a config.json's architecture is for. */
export type ModelKind = 'language' | 'classifier' | 'encoder' | 'imageClassifier' | 'imageEncoder';

/** The same in words. */
const kindNames: Readonly<Record<ModelKind, string>> = {
  language: 'a language model',
  classifier: 'a classifier',
  encoder: 'an encoder',
  imageClassifier: 'a classifier of images',
  imageEncoder: 'an encoder of images',
};

export function modelKind(json: Json): ModelKind {
  const architectures: unknown = json['architectures'];
  const [first] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  const type = json['model_type'];
  if (builderOf(imageEncoders, type))
    return typeof first === 'string' && first.endsWith('ForImageClassification') ? 'imageClassifier' : 'imageEncoder';
  if (typeof first === 'string' && first.endsWith('ForSequenceClassification')) return 'classifier';
  return builderOf(encoders, type) ? 'encoder' : 'language';
}

/** TypeError where a config is of another kind than what is wanted. */
function expectKind(json: Json, wanted: readonly ModelKind[]): void {
  const kind = modelKind(json);
  const [first] = wanted;
  if (first === undefined || wanted.includes(kind)) return;
  const missing = kind === 'encoder' || kind === 'imageEncoder' ? ' without a head' : '';
  throw new TypeError(
    `Expected ${kindNames[first]} but this ${String(json['model_type'])} is ${kindNames[kind]}${missing}`,
  );
}

/** Builds what one of the tables has for a config's model_type. Throws TypeError naming an architecture that is not known. */
function built<M>(json: Json, ...tables: readonly Builders<M>[]): M {
  const build = tables.map((table) => builderOf(table, json['model_type'])).find((each) => each !== undefined);
  if (!build) throw unknown(json, tables.flatMap(Object.keys));
  return named('config.json', () => build(json));
}

/** The causal language model that a config.json describes. Throws TypeError naming an architecture that is another thing or not known. */
export function languageModel(json: Json): LanguageModel {
  expectKind(json, ['language']);
  return built(json, languageModels);
}

/** The encoder that a config.json describes, without heads. Throws TypeError naming an architecture that is not known. */
export const encoder = (json: Json): Encoder => built(json, encoders);

/** The encoder of images that a config.json describes, without heads. Throws TypeError naming an architecture that is not known. */
export const imageEncoder = (json: Json): ImageEncoder => built(json, imageEncoders);

const decoderClassifiers: Builders<Classifier> = Object.fromEntries(
  Object.entries(languageModels).map(([type, build]) => [type, (json) => decoderClassifier(build(json), json)]),
);

/** The sequence classifier that a config.json describes. Throws TypeError naming an architecture that is not known. */
export function classifier(json: Json): Classifier {
  // A decoder without an architecture in its config may be meant as one.
  expectKind(json, ['classifier', 'language']);
  return built(json, encoderClassifiers, decoderClassifiers);
}

/** The classifier of images that a config.json describes. Throws TypeError on another kind of model. */
export function imageClassifier(json: Json): ImageClassifier {
  expectKind(json, ['imageClassifier']);
  return built(json, imageClassifiers);
}

/** The classifier of texts or images that a config.json describes. Throws TypeError on another kind of model. */
export const anyClassifier = (json: Json): AnyClassifier =>
  modelKind(json).startsWith('image') ? imageClassifier(json) : classifier(json);

const builders = { language: languageModel, classifier, imageClassifier, encoder, imageEncoder } as const;

/** The model that a config.json describes, as it is trained and scored. Throws TypeError on an encoder without a head. */
export function taskModel(json: Json): TaskModel {
  return modelKind(json) === 'language' ? languageModel(json) : anyClassifier(json);
}

/** What a config.json describes, whatever it is for. Throws TypeError naming an architecture that is not known. */
export function anyModel(json: Json): Model {
  return builders[modelKind(json)](json);
}
