import { linearParameters } from '../decoder.ts';
import { labelFields, tokensAt } from '../encoder.ts';
import { fieldsOf } from '../fields.ts';
import { linearLayer } from '../layers.ts';
import type { Classifier, LanguageModel } from '../model.ts';

/** A decoder with a linear classifier on the last token, without the output head (transformers' …ForSequenceClassification). */
export function decoderClassifier(model: LanguageModel, json: Readonly<Record<string, unknown>>): Classifier {
  const { labels, problemType } = labelFields(fieldsOf(json, 'config.json'));
  const score = { name: 'score', inFeatures: model.hiddenSize, outFeatures: labels.length, bias: false };
  const labelNames = new Set(['id2label', 'label2id', 'num_labels', 'problem_type']);
  return {
    ...model,
    parameters: [
      ...model.parameters.filter(({ name }) => name !== `${model.headModule}.weight`),
      ...linearParameters(score, 0.02),
    ],
    ignoredFields: model.ignoredFields.filter((name) => !labelNames.has(name)),
    labels,
    problemType,
    headModules: ['score'],
    reads: 'last',
    logits: (inputs, places) => linearLayer(inputs, 'score', tokensAt(model.hidden(inputs).hidden, places), false),
  };
}
