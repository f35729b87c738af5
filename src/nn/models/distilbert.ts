import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { relu } from '../../ir/ops/relu.ts';
import { activationOf } from '../activations.ts';
import { configFields, readDropout } from '../configFields.ts';
import { labelFields, tokensAt } from '../encoder.ts';
import { maxLayers } from '../fields.ts';
import { embeddingLayer, layerNormLayer, linearLayer } from '../layers.ts';
import type { Classifier, Encoder, EncoderInputs, Labels, LinearSpec, Model } from '../model.ts';
import { ownNames } from '../ownNames.ts';
import {
  encodePostNorm,
  postNormLinears,
  type PostNormNames,
  postNormParameters,
  type PostNormSizes,
} from '../postNormEncoder.ts';

export interface DistilBertConfig extends Labels, PostNormSizes {
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly ignoredFields: readonly string[];
}

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseDistilBertConfig(json: Readonly<Record<string, unknown>>): DistilBertConfig {
  const fields = configFields(json);
  // Sinusoids are how the table was first filled; the file holds it either way.
  readDropout(fields, json, ['dropout', 'attention_dropout', 'qa_dropout', 'seq_classif_dropout']);
  for (const name of ['tie_word_embeddings', 'tie_weights_', 'sinusoidal_pos_embds']) fields.optional(name);
  return {
    vocabSize: fields.integer('vocab_size', 30522),
    hiddenSize: fields.integer('dim', 768),
    intermediateSize: fields.integer('hidden_dim', 3072),
    layers: fields.integer('n_layers', 6, maxLayers),
    heads: fields.integer('n_heads', 12),
    maxPositions: fields.integer('max_position_embeddings', 512),
    activation: activationOf(fields.string('activation', 'gelu')),
    // The same in every DistilBERT.
    layerNormEps: 1e-12,
    initializerRange: fields.number('initializer_range', 0.02),
    ...labelFields(fields),
    ignoredFields: fields.unread(),
  };
}

/** What its blocks call their modules. */
export const distilbertBlocks: PostNormNames = {
  path: 'distilbert.transformer.layer',
  attention: 'attention',
  query: 'attention.q_lin',
  key: 'attention.k_lin',
  value: 'attention.v_lin',
  attended: 'attention.out_lin',
  attentionNorm: 'sa_layer_norm',
  mlp: 'ffn',
  up: 'ffn.lin1',
  down: 'ffn.lin2',
  norm: 'output_layer_norm',
};

function hidden(config: DistilBertConfig, inputs: EncoderInputs): Value {
  const words = embeddingLayer(inputs, 'distilbert.embeddings.word_embeddings', inputs.ids);
  const places = embeddingLayer(inputs, 'distilbert.embeddings.position_embeddings', inputs.positions);
  const first = layerNormLayer(inputs, 'distilbert.embeddings.LayerNorm', add(words, places), config.layerNormEps);
  return encodePostNorm(config, distilbertBlocks, inputs, first);
}

/** What encoder and classifier share; `extra` are linear layers behind the blocks. */
function modelOf(config: DistilBertConfig, extra: readonly LinearSpec[], headed: readonly LinearSpec[]): Model {
  const { vocabSize, hiddenSize, maxPositions } = config;
  const embeddings = [
    { name: 'distilbert.embeddings.word_embeddings', count: vocabSize, width: hiddenSize },
    { name: 'distilbert.embeddings.position_embeddings', count: maxPositions, width: hiddenSize },
  ];
  const linears = [...postNormLinears(config, distilbertBlocks), ...extra];
  const parameters = postNormParameters(config, distilbertBlocks, {
    embeddings,
    embeddingNorm: 'distilbert.embeddings.LayerNorm',
    linears: [...linears, ...headed],
  });
  return {
    ...config,
    type: 'distilbert',
    parameters,
    linears,
    embeddings,
    // PEFT has none.
    defaultTargets: [],
    ownName: ownNames('distilbert', /^(?:classifier|pre_classifier|vocab_\w+|qa_outputs)\./),
  };
}

/** DistilBERT (Sanh et al. 2019; transformers' DistilBertModel): BERT without token types and pooler. */
export function distilbert(json: Readonly<Record<string, unknown>>): Encoder {
  const config = parseDistilBertConfig(json);
  return { ...modelOf(config, [], []), layers: config.layers, hidden: (inputs) => hidden(config, inputs) };
}

/** DistilBERT with two layers on its first token (transformers' DistilBertForSequenceClassification). */
export function distilbertClassifier(json: Readonly<Record<string, unknown>>): Classifier {
  const config = parseDistilBertConfig(json);
  const { hiddenSize, labels, problemType } = config;
  const dense = { name: 'pre_classifier', inFeatures: hiddenSize, outFeatures: hiddenSize, bias: true };
  const head = { name: 'classifier', inFeatures: hiddenSize, outFeatures: labels.length, bias: true };
  return {
    ...modelOf(config, [dense], [head]),
    labels,
    problemType,
    headModules: ['pre_classifier', 'classifier'],
    reads: 'first',
    logits: (inputs, places) => {
      const pooled = relu(linearLayer(inputs, dense.name, tokensAt(hidden(config, inputs), places), true));
      return linearLayer(inputs, head.name, pooled, true);
    },
  };
}
