import { availableParallelism } from 'node:os';
import { chooseEngine } from '../loop/engines.ts';
import { exportFormats, type ExportFormat, exportModel, inUnit } from '../loop/exportModel.ts';
import { UsageError } from '../loop/usageError.ts';
import { bring } from './bring.ts';
import type { Command } from './command.ts';
import { adapterOption, engineChoice, engineOptions, modelOption, outOption } from './rows.ts';

const formats = Object.keys(exportFormats) as readonly ExportFormat[];
const defaults: Readonly<Record<ExportFormat, string>> = { gguf: 'f16', onnx: 'fp32' };

const dtypeList = formats.map((format) => `${format}: ${exportFormats[format].dtypes.join(', ')}`).join('; ');

export const exportCommand: Command = {
  name: 'export',
  about: `Writes a model, with an adapter merged into it, as a GGUF file for llama.cpp or an ONNX folder for transformers.js.
Before it is put in place the export is read back: it must tokenise hard texts alike and score them within a tolerance.`,
  options: [
    modelOption,
    { ...adapterOption, description: 'PEFT adapter folder, merged before the export' },
    { name: 'format', kind: { type: 'choice', values: formats }, required: true, description: 'What to write' },
    { name: 'dtype', kind: { type: 'text' }, description: `How weights are stored. ${dtypeList}` },
    { ...outOption, value: 'P', required: true, description: 'File (gguf) or folder (onnx) to write' },
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const format = args.required('format') as ExportFormat;
    const dtype = args.text('dtype') ?? defaults[format];
    const { dtypes } = exportFormats[format];
    if (!dtypes.some((each) => each === dtype))
      throw new UsageError(`--dtype: expected ${dtypes.join(', ')} for ${format} but found ${dtype}`);
    const threads = args.number('threads') ?? availableParallelism();
    const choice = engineChoice(args);
    const { engine, notices } = await chooseEngine(
      { ...choice, threads: choice.name === 'reference' ? undefined : threads },
      (line) => context.err(`${line}\n`),
      { signal: context.signal },
    );
    for (const notice of notices) context.err(`${notice}\n`);
    try {
      const out = args.required('out');
      const adapter = args.text('adapter');
      const summary = await exportModel({
        model: await bring(args.required('model'), 'model', context),
        adapter: adapter === undefined ? undefined : await bring(adapter, 'adapter', context),
        format,
        dtype,
        out,
        engine,
        threads,
        signal: context.signal,
      });
      for (const notice of summary.notices) context.err(`${notice}\n`);
      const { count, mean, worst, tolerance, compared, unit } = summary;
      if (context.json) await context.out(`${JSON.stringify(summary)}\n`);
      else
        context.err(
          `${out}: ${format} ${dtype}, ${count} ${compared} off by ${inUnit(mean, unit)} in the mean, ${inUnit(worst, unit)} at most (tolerance ${inUnit(tolerance, unit)} in the mean)\n`,
        );
      return 0;
    } finally {
      engine.close();
    }
  },
};
