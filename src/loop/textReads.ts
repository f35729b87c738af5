import type { TrainExample } from '../data/dataset.ts';
import { labelledFormats, readExample } from '../data/formats.ts';
import { hashText } from '../data/hash.ts';
import { labelledText } from '../data/labelled.ts';
import { paddedLength } from '../data/padding.ts';
import { exampleLines, lengthsOf } from '../data/preview.ts';
import { normalized } from '../data/texts.ts';
import type { Classifier } from '../nn/model.ts';
import { classifierFeeds, classifierForward } from './classifierPrograms.ts';
import type { ClassifierReads } from './classifierReads.ts';
import { type ReadyModel, tokenizerOf } from './readyModel.ts';
import { atRow } from './rowInputs.ts';

/** A classifier's texts and pairs of texts. */
export function textReads(loaded: ReadyModel<Classifier>): ClassifierReads {
  const { model } = loaded;
  return {
    read: async (row, { maxLength }) =>
      atRow(row, () => {
        const read = readExample(row, labelledFormats);
        const made = labelledText(row.index, read, tokenizerOf(loaded), Math.min(maxLength, model.maxPositions));
        return { ...made, label: read.label, key: hashText(normalized(`${read.text}\n${read.pair ?? ''}`)) };
      }),
    forward: (adapter, shape, options) => classifierForward(model, adapter, shape, options),
    feeds: (batch, graph) => classifierFeeds(batch, model, graph),
    padded: (longest) => Math.min(model.maxPositions, paddedLength(longest, loaded.engine)),
    counted: (lengths) => {
      const tokens = lengths.reduce((all, length) => all + length, 0);
      return `${lengths.length} examples, ${tokens} tokens (longest ${lengthsOf(lengths).longest})`;
    },
    lines: (example: TrainExample) => exampleLines(example, tokenizerOf(loaded)),
    text: ({ ids }) => tokenizerOf(loaded).decode([...ids]),
    showsIds: true,
  };
}
