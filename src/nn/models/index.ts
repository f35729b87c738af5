import { describe, named } from '../../ir/errors.ts';
import type { Classifier, Encoder, LanguageModel, Model, TaskModel } from '../model.ts';
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

type Json = Readonly<Record<string, unknown>>;
type Builders<M> = Readonly<Record<string, (json: Json) => M>>;

const languageModels: Builders<LanguageModel> = { gemma3_text: gemma3Text, gpt2, llama, mistral, qwen2, qwen3 };
const encoders: Builders<Encoder> = { bert, distilbert, roberta };
const encoderClassifiers: Builders<Classifier> = {
  bert: bertClassifier,
  distilbert: distilbertClassifier,
  roberta: robertaClassifier,
};

function builderOf<M>(builders: Builders<M>, type: unknown): ((json: Json) => M) | undefined {
  return typeof type === 'string' && Object.hasOwn(builders, type) ? builders[type] : undefined;
}

function unknown(json: Json, known: readonly string[]): TypeError {
  return new TypeError(
    `Expected a model_type of ${known.join(', ')} in config.json but found ${describe(json['model_type'])}`,
  );
}

/** What a config.json's architecture is for. */
export type ModelKind = 'language' | 'classifier' | 'encoder';

export function modelKind(json: Json): ModelKind {
  const architectures: unknown = json['architectures'];
  const [first] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  if (typeof first === 'string' && first.endsWith('ForSequenceClassification')) return 'classifier';
  return builderOf(encoders, json['model_type']) ? 'encoder' : 'language';
}

/** The causal language model that a config.json describes. Throws TypeError naming an architecture that is another thing or not known. */
export function languageModel(json: Json): LanguageModel {
  const type = json['model_type'];
  const build = builderOf(languageModels, type);
  const kind = modelKind(json);
  if (kind === 'encoder') throw new TypeError(`Expected a language model but ${String(type)} is an encoder`);
  if (kind === 'classifier') throw new TypeError(`Expected a language model but this ${String(type)} is a classifier`);
  if (!build) throw unknown(json, Object.keys(languageModels));
  return named('config.json', () => build(json));
}

/** The encoder that a config.json describes, without heads. Throws TypeError naming an architecture that is not known. */
export function encoder(json: Json): Encoder {
  const build = builderOf(encoders, json['model_type']);
  if (!build) throw unknown(json, Object.keys(encoders));
  return named('config.json', () => build(json));
}

/** The sequence classifier that a config.json describes. Throws TypeError naming an architecture that is not known. */
export function classifier(json: Json): Classifier {
  const build = builderOf(encoderClassifiers, json['model_type']);
  if (modelKind(json) === 'encoder')
    throw new TypeError(`Expected a classifier but this ${String(json['model_type'])} is an encoder without a head`);
  if (build) return named('config.json', () => build(json));
  const decoder = builderOf(languageModels, json['model_type']);
  if (!decoder) throw unknown(json, [...Object.keys(encoderClassifiers), ...Object.keys(languageModels)]);
  return named('config.json', () => decoderClassifier(decoder(json), json));
}

/** The model that a config.json describes, as it is trained and scored. Throws TypeError on an encoder without a head. */
export function taskModel(json: Json): TaskModel {
  return modelKind(json) === 'language' ? languageModel(json) : classifier(json);
}

/** What a config.json describes, whatever it is for. Throws TypeError naming an architecture that is not known. */
export function anyModel(json: Json): Model {
  const kind = modelKind(json);
  if (kind === 'language') return languageModel(json);
  return kind === 'encoder' ? encoder(json) : classifier(json);
}
