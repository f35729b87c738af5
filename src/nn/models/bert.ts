import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
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

export interface BertConfig extends Labels, PostNormSizes {
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly tokenTypes: number;
  readonly ignoredFields: readonly string[];
}

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseBertConfig(json: Readonly<Record<string, unknown>>): BertConfig {
  const fields = configFields(json);
  expectOnly(fields, 'bert', { position_embedding_type: 'absolute', is_decoder: false, add_cross_attention: false });
  readDropout(fields, json, ['hidden_dropout_prob', 'attention_probs_dropout_prob', 'classifier_dropout']);
  for (const name of ['tie_word_embeddings', 'gradient_checkpointing']) fields.optional(name);
  return {
    vocabSize: fields.integer('vocab_size', 30522),
    hiddenSize: fields.integer('hidden_size', 768),
    intermediateSize: fields.integer('intermediate_size', 3072),
    layers: fields.integer('num_hidden_layers', 12, maxLayers),
    heads: fields.integer('num_attention_heads', 12),
    maxPositions: fields.integer('max_position_embeddings', 512),
    tokenTypes: fields.integer('type_vocab_size', 2),
    activation: activationOf(fields.string('hidden_act', 'gelu')),
    layerNormEps: fields.number('layer_norm_eps', 1e-12),
    initializerRange: fields.number('initializer_range', 0.02),
    ...labelFields(fields),
    ignoredFields: fields.unread(),
  };
}

/** What its blocks call their modules. */
export const bertBlocks = bertNames('bert');

function hidden(config: BertConfig, inputs: EncoderInputs): Value {
  const words = embeddingLayer(inputs, 'bert.embeddings.word_embeddings', inputs.ids);
  const types = embeddingLayer(inputs, 'bert.embeddings.token_type_embeddings', inputs.tokenTypes);
  const places = embeddingLayer(inputs, 'bert.embeddings.position_embeddings', inputs.positions);
  const sum = add(add(words, types), places);
  const first = layerNormLayer(inputs, 'bert.embeddings.LayerNorm', sum, config.layerNormEps);
  return encodePostNorm(config, bertBlocks, inputs, first);
}

/** What encoder and classifier share; `extra` are linear layers behind the blocks. */
function modelOf(config: BertConfig, extra: readonly LinearSpec[], headed: readonly LinearSpec[]): Model {
  const { vocabSize, hiddenSize, maxPositions, tokenTypes } = config;
  const embeddings = [
    { name: 'bert.embeddings.word_embeddings', count: vocabSize, width: hiddenSize },
    { name: 'bert.embeddings.position_embeddings', count: maxPositions, width: hiddenSize },
    { name: 'bert.embeddings.token_type_embeddings', count: tokenTypes, width: hiddenSize },
  ];
  const linears = [...postNormLinears(config, bertBlocks), ...extra];
  const parameters = postNormParameters(config, bertBlocks, {
    embeddings,
    embeddingNorm: 'bert.embeddings.LayerNorm',
    linears: [...linears, ...headed],
  });
  return {
    ...config,
    type: 'bert',
    parameters,
    linears,
    embeddings,
    defaultTargets: ['query', 'value'],
    ownName: ownNames('bert', /^(?:classifier|cls|qa_outputs)\./),
  };
}

/** BERT (Devlin et al. 2019; transformers' BertModel without its pooler). */
export function bert(json: Readonly<Record<string, unknown>>): Encoder {
  const config = parseBertConfig(json);
  return { ...modelOf(config, [], []), layers: config.layers, hidden: (inputs) => hidden(config, inputs) };
}

/** BERT with a pooler and a linear classifier on its first token (transformers' BertForSequenceClassification). */
export function bertClassifier(json: Readonly<Record<string, unknown>>): Classifier {
  const config = parseBertConfig(json);
  const { hiddenSize, labels, problemType } = config;
  const pooler = { name: 'bert.pooler.dense', inFeatures: hiddenSize, outFeatures: hiddenSize, bias: true };
  const head = { name: 'classifier', inFeatures: hiddenSize, outFeatures: labels.length, bias: true };
  return {
    ...modelOf(config, [pooler], [head]),
    labels,
    problemType,
    headModules: ['classifier'],
    reads: 'first',
    logits: (inputs, places) => {
      const pooled = tanh(linearLayer(inputs, pooler.name, tokensAt(hidden(config, inputs), places), true));
      return linearLayer(inputs, head.name, pooled, true);
    },
  };
}
