import type { TrainExample } from '../data/dataset.ts';
import { labelledFormats, readExample, supervisedFormats } from '../data/formats.ts';
import { labelledExample } from '../data/labelled.ts';
import type { Row } from '../data/reader.ts';
import { type Loss, superviseExample } from '../data/supervise.ts';
import { classify } from '../loop/classifier.ts';
import { type LoadedModel, tokenizerOf } from '../loop/model.ts';
import { score } from '../loop/score.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Classifier } from '../nn/model.ts';
import type { Args } from './args.ts';
import type { Command } from './command.ts';
import {
  adapterOption,
  atRow,
  batchOption,
  dataOptions,
  engineOptions,
  modelOption,
  outOption,
  readInput,
  runModel,
} from './rows.ts';

const losses: readonly Loss[] = ['completion', 'all', 'assistant'];

function superviseOptions(args: Args): { loss?: Loss; maxLength?: number } {
  const loss = args.text('loss') as Loss | undefined;
  const maxLength = args.number('max-length');
  return { ...(loss === undefined ? {} : { loss }), ...(maxLength === undefined ? {} : { maxLength }) };
}

export const scoreCommand: Command = {
  name: 'score',
  about: `Reads {"text"}, {"prompt", "completion"} or {"messages", "tools"?} per line and writes {"index", "ids", "mask", "logprobs"}:
logprobs[t] is ln p(ids[t] given those before), mask[t] is 1 where the token is supervised. A classifier reads
{"text", "text_pair"?} and writes {"index", "ids", "logits"}, one per label.`,
  options: [
    modelOption,
    adapterOption,
    ...dataOptions,
    outOption,
    {
      name: 'loss',
      kind: { type: 'choice', values: losses },
      description: 'Supervised tokens; the completion where there is one, else all',
    },
    {
      name: 'max-length',
      kind: { type: 'integer', least: 1 },
      description: 'Cuts longer examples; nothing is cut without it',
    },
    batchOption,
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const rows = await readInput(args, context);
    const batchSize = args.number('batch-size') ?? 1;
    const scored = (loaded: LoadedModel): AsyncIterable<unknown> => {
      const tokenizer = tokenizerOf(loaded);
      const options = superviseOptions(args);
      const examples = rows.map((row: Row): TrainExample => {
        const { ids, mask } = atRow(row, () =>
          superviseExample(readExample(row, supervisedFormats), tokenizer, options),
        );
        return { index: row.index, ids: Int32Array.from(ids), mask: Uint8Array.from(mask) };
      });
      return score(loaded, examples, { batchSize });
    };
    const classified = (loaded: LoadedModel<Classifier>): AsyncIterable<unknown> => {
      if (args.text('loss') !== undefined)
        throw new UsageError('--loss: a classifier has no tokens that are supervised');
      const { labels, problemType, maxPositions } = loaded.model;
      const maxLength = Math.min(args.number('max-length') ?? maxPositions, maxPositions);
      const options = { labels, problemType, maxLength, training: false };
      const tokenizer = tokenizerOf(loaded);
      const examples = rows.map((row) =>
        atRow(row, () => labelledExample(row.index, readExample(row, labelledFormats), tokenizer, options).example),
      );
      return classify(loaded, examples, { batchSize });
    };
    return runModel(args, context, scored, classified);
  },
};
