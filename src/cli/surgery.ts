import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { weightsNamed } from '../loop/weightsNamed.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import { surgeries } from '../surgery/index.ts';
import { operate } from '../surgery/operate.ts';
import type { SurgeryUnit } from '../surgery/surgery.ts';
import type { Command, CommandGroup } from './command.ts';
import { Interrupted } from './errors.ts';
import { outOption } from './rows.ts';
import { unitOptions, unitValues } from './unitOptions.ts';
import { downloadProgress } from './bring.ts';

const commandOf = (unit: SurgeryUnit): Command => ({
  name: `surgery ${unit.type}`,
  about: `${unit.about}
Writes a checkpoint with the base's config, tokenizer and storage.`,
  options: [
    {
      name: 'base',
      kind: { type: 'text' },
      value: 'M',
      required: true,
      description: 'The model that the others were tuned from: a Hugging Face id, checkpoint folder or .gguf file',
    },
    {
      name: 'models',
      kind: { type: 'texts' },
      value: unit.models.most === 1 ? 'M' : 'M…',
      required: true,
      description: 'Tuned from it: models, PEFT adapter folders or run folders',
    },
    { ...outOption, value: 'DIR', required: true, description: 'Checkpoint folder to write' },
    ...unitOptions(unit.schema),
  ],
  stopsBySignal: true,
  async run(args, context) {
    const options = unitValues(unit.schema, args);
    const hub = { emit: downloadProgress(context), signal: context.signal };
    const base = await weightsNamed(args.required('base'), undefined, hub);
    const models: WeightsPath[] = [];
    for (const text of args.texts('models')) models.push(await weightsNamed(text, base, hub));
    const out = args.required('out');
    const linalg = linalgPool();
    try {
      const summary = await operate({ unit, options, base, models, out, linalg, signal: context.signal });
      for (const notice of summary.notices) context.err(`${notice}\n`);
      if (context.json) await context.out(`${JSON.stringify({ out, ...summary })}\n`);
      else {
        for (const [name, figures] of Object.entries(summary.figures)) {
          const shown = Object.entries(figures).map(([figure, value]) => `${figure} ${Number(value.toPrecision(4))}`);
          context.err(`${name}: ${shown.join(', ')}\n`);
        }
        context.err(`${out}: ${summary.tensors} tensors, weights in ${summary.storage.join(', ')}\n`);
      }
      return 0;
    } catch (error) {
      throw context.signal.aborted ? new Interrupted('Interrupted; nothing was written') : error;
    } finally {
      linalg.close();
    }
  },
});

export const surgeryGroup: CommandGroup = {
  name: 'surgery',
  about: 'Changes the weights of models.',
  commands: [
    ...surgeries.map((unit) => ({
      name: unit.type,
      summary: unit.about,
      load: () => Promise.resolve(commandOf(unit)),
    })),
    {
      name: 'new-head',
      summary: 'A classifier for labels of your own on the weights of a model.',
      load: async () => (await import('./newHead.ts')).newHeadCommand,
    },
  ],
};
