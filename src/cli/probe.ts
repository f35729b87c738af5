import { openMergedWeights } from '../adapters/mergedWeights.ts';
import { writeJsonFile } from '../hub/files.ts';
import { weightsNamed } from '../loop/weightsNamed.ts';
import { pairProbes } from '../probes/index.ts';
import type { PairProbe } from '../probes/probe.ts';
import { linalgPool } from '../runtime/node/linalg-pool.ts';
import type { Command, CommandGroup } from './command.ts';
import { Interrupted } from './errors.ts';
import { outOption } from './rows.ts';
import { unitOptions, unitValues } from './unitOptions.ts';
import { downloadProgress } from './bring.ts';

const shown = (value: number | readonly number[]): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : value.map((each) => each.toFixed(2)).join(' ');

const commandOf = (probe: PairProbe): Command => ({
  name: `probe ${probe.type}`,
  about: `${probe.about}
Unit: ${probe.unit}; ${probe.direction}. Cost: ${probe.cost}. Noise: ${probe.noise}.`,
  options: [
    {
      name: 'before',
      kind: { type: 'text' },
      value: 'M',
      required: true,
      description: 'A Hugging Face id, checkpoint folder or .gguf file',
    },
    {
      name: 'after',
      kind: { type: 'text' },
      value: 'M',
      required: true,
      description: 'What became of it: a model, a PEFT adapter folder or a run folder',
    },
    { ...outOption, description: 'File for the measurement (JSON)' },
    ...unitOptions(probe.schema),
  ],
  stopsBySignal: true,
  async run(args, context) {
    const options = unitValues(probe.schema, args);
    const hub = { emit: downloadProgress(context), signal: context.signal };
    const base = await weightsNamed(args.required('before'), undefined, hub);
    const tuned = await weightsNamed(args.required('after'), base, hub);
    const before = await openMergedWeights(base);
    const linalg = linalgPool();
    try {
      const after = await openMergedWeights(tuned);
      try {
        const { value, places } = await probe.measure({ before, after }, options, {
          linalg,
          signal: context.signal,
          onProgress: (done, total) => {
            if (context.tty) context.err(`\r\u001b[K${done} of ${total}`);
          },
        });
        if (context.tty) context.err('\r\u001b[K');
        const result = { probe: probe.type, unit: probe.unit, value, options, places };
        const out = args.text('out');
        if (out !== undefined) await writeJsonFile(out, result);
        if (context.json) await context.out(`${JSON.stringify(result)}\n`);
        else {
          const lines = Object.entries(places).map(([place, figures]) => {
            const words = Object.entries(figures).map(([name, figure]) => `${name} ${shown(figure)}`);
            return `${place}: ${words.join(', ')}\n`;
          });
          await context.out(`${lines.join('')}${probe.type}: ${shown(value)} ${probe.unit}\n`);
        }
        return 0;
      } finally {
        await after.close();
      }
    } catch (error) {
      throw context.signal.aborted ? new Interrupted('Interrupted') : error;
    } finally {
      linalg.close();
      await before.close();
    }
  },
});

export const probeGroup: CommandGroup = {
  name: 'probe',
  about: 'Measures what training changed.',
  commands: pairProbes.map((probe) => ({
    name: probe.type,
    summary: probe.about,
    load: () => Promise.resolve(commandOf(probe)),
  })),
};
