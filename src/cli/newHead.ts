import { newHead } from '../surgery/newHead.ts';
import { bring } from './bring.ts';
import type { Command } from './command.ts';
import { modelOption, outOption } from './rows.ts';

export const newHeadCommand: Command = {
  name: 'surgery new-head',
  about:
    "Gives a model a classifier for labels of your own: writes a checkpoint folder whose head is drawn anew and whose other weights are the model's, for `tune` to train.",
  options: [
    modelOption,
    {
      name: 'labels',
      kind: { type: 'texts' },
      value: 'L…',
      required: true,
      description: 'Names of the labels, in the order of their ids',
    },
    {
      name: 'problem-type',
      kind: { type: 'choice', values: ['single_label_classification', 'multi_label_classification', 'regression'] },
      description: 'What logits say; by the number of labels and the data unless given',
    },
    { name: 'seed', kind: { type: 'integer', least: 0 }, default: 0, description: 'Draws the head' },
    { ...outOption, value: 'DIR', required: true, description: 'Checkpoint folder to write' },
  ],
  stopsBySignal: false,
  async run(args, context) {
    const out = args.required('out');
    const model = await bring(args.required('model'), 'model', context);
    const problemType = args.text('problem-type') as Parameters<typeof newHead>[0]['problemType'];
    const summary = await newHead({
      model,
      labels: args.texts('labels'),
      seed: args.number('seed') ?? 0,
      out,
      ...(problemType === undefined ? {} : { problemType }),
    });
    for (const notice of summary.notices) context.err(`${notice}\n`);
    if (context.json) await context.out(`${JSON.stringify({ out, ...summary })}\n`);
    else context.err(`${out}: drawn ${summary.drawn.join(', ')}; weights in ${summary.storage.join(', ')}\n`);
    return 0;
  },
};
