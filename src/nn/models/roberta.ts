import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { constant } from '../../ir/ops/constant.ts';
import { tanh } from '../../ir/ops/tanh.ts';
import { activationOf } from '../activations.ts';
import { configFields, expectOnly, readDropout } from '../configFields.ts';
import { labelFields, tokensAt } from '../encoder.ts';
import { maxLayers } from '../fields.ts';
import { embeddingLayer, layerNormLayer, linearLayer } from '../layers.ts';
import type { Classifier, Encoder, EncoderInputs, Labels, LinearSpec, Model } from '../model.ts';
import { ownNames } from '../ownNames.ts';
import {
  bertNames,
  encodePostNorm,
  postNormLinears,
  postNormParameters,
  type PostNormSizes,
} from '../postNormEncoder.ts';

export interface RobertaConfig extends Labels, PostNormSizes {
  readonly vocabSize: number;
  /** Without the rows that the offset takes. */
  readonly maxPositions: number;
  /** Number of the first position: the padding's id + 1. */
  readonly firstPosition: number;
  readonly tokenTypes: number;
  readonly ignoredFields: readonly string[];
}

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseRobertaConfig(json: Readonly<Record<string, unknown>>): RobertaConfig {
  const fields = configFields(json);
  expectOnly(fields, 'roberta', { position_embedding_type: 'absolute', is_decoder: false, add_cross_attention: false });
  readDropout(fields, json, ['hidden_dropout_prob', 'attention_probs_dropout_prob', 'classifier_dropout']);
  // Positions count on from the padding's id, as in fairseq.
  const firstPosition = fields.integer('pad_token_id', 1) + 1;
  for (const name of ['tie_word_embeddings', 'gradient_checkpointing']) fields.optional(name);
  return {
    vocabSize: fields.integer('vocab_size', 50265),
    hiddenSize: fields.integer('hidden_size', 768),
    intermediateSize: fields.integer('intermediate_size', 3072),
    layers: fields.integer('num_hidden_layers', 12, maxLayers),
    heads: fields.integer('num_attention_heads', 12),
    maxPositions: fields.integer('max_position_embeddings', 512) - firstPosition,
    firstPosition,
    tokenTypes: fields.integer('type_vocab_size', 2),
    activation: activationOf(fields.string('hidden_act', 'gelu')),
    layerNormEps: fields.number('layer_norm_eps', 1e-12),
    initializerRange: fields.number('initializer_range', 0.02),
    ...labelFields(fields),
    ignoredFields: fields.unread(),
  };
}

/** What its blocks call their modules. */
export const robertaBlocks = bertNames('roberta');

function hidden(config: RobertaConfig, inputs: EncoderInputs): Value {
  const words = embeddingLayer(inputs, 'roberta.embeddings.word_embeddings', inputs.ids);
  const types = embeddingLayer(inputs, 'roberta.embeddings.token_type_embeddings', inputs.tokenTypes);
  const positions = add(inputs.positions, constant('i32', [], [config.firstPosition]));
  const places = embeddingLayer(inputs, 'roberta.embeddings.position_embeddings', positions);
  const sum = add(add(words, types), places);
  const first = layerNormLayer(inputs, 'roberta.embeddings.LayerNorm', sum, config.layerNormEps);
  return encodePostNorm(config, robertaBlocks, inputs, first);
}

/** What encoder and classifier share; `headed` are the classifier's layers. */
function modelOf(config: RobertaConfig, headed: readonly LinearSpec[]): Model {
  const { vocabSize, hiddenSize, maxPositions, firstPosition, tokenTypes } = config;
  const embeddings = [
    { name: 'roberta.embeddings.word_embeddings', count: vocabSize, width: hiddenSize },
    { name: 'roberta.embeddings.position_embeddings', count: maxPositions + firstPosition, width: hiddenSize },
    { name: 'roberta.embeddings.token_type_embeddings', count: tokenTypes, width: hiddenSize },
  ];
  const linears = postNormLinears(config, robertaBlocks);
  const parameters = postNormParameters(config, robertaBlocks, {
    embeddings,
    embeddingNorm: 'roberta.embeddings.LayerNorm',
    linears: [...linears, ...headed],
  });
  return {
    ...config,
    type: 'roberta',
    parameters,
    linears,
    embeddings,
    defaultTargets: ['query', 'value'],
    ownName: ownNames('roberta', /^(?:classifier|lm_head|qa_outputs)\./),
  };
}

/** RoBERTa (Liu et al. 2019; transformers' RobertaModel without its pooler): BERT with positions that start behind the padding's. */
export function roberta(json: Readonly<Record<string, unknown>>): Encoder {
  const config = parseRobertaConfig(json);
  return { ...modelOf(config, []), layers: config.layers, hidden: (inputs) => hidden(config, inputs) };
}

/** RoBERTa with two layers on its first token (transformers' RobertaForSequenceClassification). */
export function robertaClassifier(json: Readonly<Record<string, unknown>>): Classifier {
  const config = parseRobertaConfig(json);
  const { hiddenSize, labels, problemType } = config;
  const dense = { name: 'classifier.dense', inFeatures: hiddenSize, outFeatures: hiddenSize, bias: true };
  const head = { name: 'classifier.out_proj', inFeatures: hiddenSize, outFeatures: labels.length, bias: true };
  return {
    ...modelOf(config, [dense, head]),
    labels,
    problemType,
    headModules: ['classifier.dense', 'classifier.out_proj'],
    reads: 'first',
    logits: (inputs, places) => {
      const pooled = tanh(linearLayer(inputs, dense.name, tokensAt(hidden(config, inputs), places), true));
      return linearLayer(inputs, head.name, pooled, true);
    },
  };
}
