import type { Loss } from '../data/supervise.ts';
import { classify } from '../loop/classifier.ts';
import type { LoadedModel } from '../loop/model.ts';
import { examplesToClassify } from '../loop/classifierReads.ts';
import { examplesOf } from '../loop/rowInputs.ts';
import { score } from '../loop/score.ts';
import { UsageError } from '../loop/usageError.ts';
import { type AnyClassifier, readsImages } from '../nn/model.ts';
import type { Args } from './args.ts';
import type { Command } from './command.ts';
import {
  adapterOption,
  batchOption,
  dataOptions,
  engineOptions,
  modelOption,
  outOption,
  quantizationOptions,
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
{"text", "text_pair"?} and writes {"index", "ids", "logits"}, one per label, one of images reads {"image"} and writes {"index", "logits"}.`,
  options: [
    modelOption,
    adapterOption,
    ...quantizationOptions,
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
    const scored = (loaded: LoadedModel): AsyncIterable<unknown> =>
      score(loaded, examplesOf(rows, loaded, superviseOptions(args)), { batchSize });
    const classified = (loaded: LoadedModel<AnyClassifier>): AsyncIterable<unknown> => {
      if (args.text('loss') !== undefined)
        throw new UsageError('--loss: a classifier has no tokens that are supervised');
      if (readsImages(loaded.model) && args.number('max-length') !== undefined)
        throw new UsageError('--max-length: images are resized, not cut');
      return classify(loaded, examplesToClassify(rows, loaded, { maxLength: args.number('max-length') }), {
        batchSize,
      });
    };
    return runModel(args, context, scored, classified);
  },
};
