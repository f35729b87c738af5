import type { Value } from '../../ir/graph.ts';
import { add } from '../../ir/ops/add.ts';
import { relu } from '../../ir/ops/relu.ts';
import { type Activation, activate, activationOf } from '../activations.ts';
import { configFields, readDropout } from '../configFields.ts';
import { linearParameters, splitHeads } from '../decoder.ts';
import { type Attend, encodeBlocks, labelFields, type LabelFields, layerNormParameters, tokensAt } from '../encoder.ts';
import { maxLayers } from '../fields.ts';
import { embeddingLayer, layerNormLayer, linearLayer } from '../layers.ts';
import type { Classifier, Encoder, EncoderInputs, LinearSpec, Model, ParameterSpec } from '../model.ts';
import { ownNames } from '../ownNames.ts';

interface DistilBertConfig extends LabelFields {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly maxPositions: number;
  readonly activation: Activation;
  readonly initializerRange: number;
  readonly ignoredFields: readonly string[];
}

/** The same in every DistilBERT. */
const layerNormEps = 1e-12;

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
function parseConfig(json: Readonly<Record<string, unknown>>): DistilBertConfig {
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
    initializerRange: fields.number('initializer_range', 0.02),
    ...labelFields(fields),
    ignoredFields: fields.unread(),
  };
}

/** norm(x + attention(x)), then norm(x + mlp(x)). */
function block(config: DistilBertConfig, inputs: EncoderInputs, name: string, x: Value, attend: Attend): Value {
  const { heads, hiddenSize, activation } = config;
  const linear = (part: string, operand: Value): Value => linearLayer(inputs, `${name}.${part}`, operand, true);
  const project = (part: string): Value => splitHeads(linear(`attention.${part}`, x), heads, hiddenSize / heads);
  const mixed = attend(`${name}.attention`, { q: project('q_lin'), k: project('k_lin'), v: project('v_lin') });
  const attended = add(linear('attention.out_lin', mixed), x);
  const h = layerNormLayer(inputs, `${name}.sa_layer_norm`, attended, layerNormEps);
  const mlp = inputs.sites.mlp(
    { x: h },
    (given) => linear('ffn.lin2', activate(activation, linear('ffn.lin1', given.x))),
    `${name}.ffn`,
  );
  return layerNormLayer(inputs, `${name}.output_layer_norm`, add(mlp, h), layerNormEps);
}

function hidden(config: DistilBertConfig, inputs: EncoderInputs): Value {
  const words = embeddingLayer(inputs, 'distilbert.embeddings.word_embeddings', inputs.ids);
  const places = embeddingLayer(inputs, 'distilbert.embeddings.position_embeddings', inputs.positions);
  const first = layerNormLayer(inputs, 'distilbert.embeddings.LayerNorm', add(words, places), layerNormEps);
  return encodeBlocks(inputs, 'distilbert.transformer.layer', config.layers, first, (name, x, attend) =>
    block(config, inputs, name, x, attend),
  );
}

function linearsOf({ layers, hiddenSize, intermediateSize }: DistilBertConfig): LinearSpec[] {
  const parts = [
    ['attention.q_lin', hiddenSize, hiddenSize],
    ['attention.k_lin', hiddenSize, hiddenSize],
    ['attention.v_lin', hiddenSize, hiddenSize],
    ['attention.out_lin', hiddenSize, hiddenSize],
    ['ffn.lin1', hiddenSize, intermediateSize],
    ['ffn.lin2', intermediateSize, hiddenSize],
  ] as const;
  return Array.from({ length: layers }, (_, layer) =>
    parts.map(([name, inFeatures, outFeatures]) => ({
      name: `distilbert.transformer.layer.${layer}.${name}`,
      inFeatures,
      outFeatures,
      bias: true,
    })),
  ).flat();
}

/** What encoder and classifier share; `extra` are linear layers behind the blocks. */
function modelOf(config: DistilBertConfig, extra: readonly LinearSpec[], headed: readonly LinearSpec[]): Model {
  const { vocabSize, hiddenSize, maxPositions, layers, initializerRange } = config;
  const embeddings = [
    { name: 'distilbert.embeddings.word_embeddings', count: vocabSize, width: hiddenSize },
    { name: 'distilbert.embeddings.position_embeddings', count: maxPositions, width: hiddenSize },
  ];
  const linears = [...linearsOf(config), ...extra];
  const norms = Array.from({ length: layers }, (_, layer) =>
    ['sa_layer_norm', 'output_layer_norm'].map((name) => `distilbert.transformer.layer.${layer}.${name}`),
  ).flat();
  const parameters: ParameterSpec[] = [
    ...embeddings.map(({ name, count, width }) => ({
      name: `${name}.weight`,
      shape: [count, width],
      decays: true,
      init: { mean: 0, deviation: initializerRange },
    })),
    ...['distilbert.embeddings.LayerNorm', ...norms].flatMap((name) => layerNormParameters(name, hiddenSize)),
    ...[...linears, ...headed].flatMap((linear) => linearParameters(linear, initializerRange)),
  ];
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
  const config = parseConfig(json);
  return { ...modelOf(config, [], []), layers: config.layers, hidden: (inputs) => hidden(config, inputs) };
}

/** DistilBERT with two layers on its first token (transformers' DistilBertForSequenceClassification). */
export function distilbertClassifier(json: Readonly<Record<string, unknown>>): Classifier {
  const config = parseConfig(json);
  const { hiddenSize, labels, problemType } = config;
  const dense = { name: 'pre_classifier', inFeatures: hiddenSize, outFeatures: hiddenSize, bias: true };
  const head = { name: 'classifier', inFeatures: hiddenSize, outFeatures: labels.length, bias: true };
  return {
    ...modelOf(config, [dense], [head]),
    labels,
    problemType,
    reads: 'first',
    logits: (inputs, places) => {
      const pooled = relu(linearLayer(inputs, dense.name, tokensAt(hidden(config, inputs), places), true));
      return linearLayer(inputs, head.name, pooled, true);
    },
  };
}
