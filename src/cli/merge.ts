import { mergeAdapter } from '../surgery/merge.ts';
import { bring } from './bring.ts';
import type { Command } from './command.ts';
import { adapterOption, modelOption, outOption } from './rows.ts';

export const mergeCommand: Command = {
  name: 'merge',
  about:
    'Adds an adapter to the weights that it was trained on and writes a checkpoint folder that transformers loads.',
  options: [
    modelOption,
    { ...adapterOption, required: true },
    { ...outOption, value: 'DIR', required: true, description: 'Checkpoint folder to write' },
  ],
  stopsBySignal: false,
  async run(args, context) {
    const out = args.required('out');
    const model = await bring(args.required('model'), 'model', context);
    const adapter = await bring(args.required('adapter'), 'adapter', context);
    const summary = await mergeAdapter({ model, adapter, out });
    const { merged, storage, notices } = summary;
    for (const notice of notices) context.err(`${notice}\n`);
    if (context.json) await context.out(`${JSON.stringify({ out, ...summary })}\n`);
    else context.err(`${out}: ${merged} modules merged, weights in ${storage.join(', ')}\n`);
    return 0;
  },
};
