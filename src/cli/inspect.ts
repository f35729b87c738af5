import { trainsBase } from '../adapters/index.ts';
import { pathKind, writeFileAtomic } from '../hub/files.ts';
import { drawGraph } from '../ir/picture.ts';
import { printGraph } from '../ir/print.ts';
import { heldOutOf, listOf } from '../loop/dataPaths.ts';
import {
  type CheckpointInspection,
  type Inspection,
  inspect,
  kindOfPath,
  type RunInspection,
} from '../loop/inspect.ts';
import { engineText } from '../loop/engines.ts';
import { inspectProgram, type ProgramName, programNames } from '../loop/inspectProgram.ts';
import { formatBytes, formatDuration } from '../loop/units.ts';
import { UsageError } from '../loop/usageError.ts';
import { referenceEngine } from '../runtime/reference.ts';
import { bring } from './bring.ts';
import type { Command } from './command.ts';

const counted = (count: number, one: string): string => `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`;

function checkpointLines(found: CheckpointInspection): string[] {
  const { tokenizer, linears } = found;
  const sizes = Object.entries(found.sizes).map(([name, value]) => `${name} ${value}`);
  return [
    `${found.path}: a checkpoint, ${found.format === 'gguf' ? 'GGUF' : 'safetensors'}`,
    `architecture: ${found.architecture}${found.use === undefined ? '' : `, ${/^[aeiou]/.test(found.use) ? 'an' : 'a'} ${found.use}`}`,
    ...(found.unknown === undefined ? [] : [`not supported: ${found.unknown}`]),
    ...(sizes.length === 0 ? [] : [`sizes: ${sizes.join(', ')}`]),
    `parameters: ${found.parameters.toLocaleString('en')}${found.tied === true ? ', the output head is the embedding' : ''}`,
    ...found.storage.map(
      ({ storage, tensors, elements, bytes }) =>
        `  ${storage}: ${counted(tensors, 'tensor')}, ${counted(elements, 'element')}, ${formatBytes(bytes)}`,
    ),
    `size: ${formatBytes(found.bytes)} stored, ${formatBytes(found.parameters * 4)} as f32`,
    ...(linears === undefined ? [] : [`linear layers: ${linears.count}, named ${linears.names.join(', ')}`]),
    tokenizer === undefined
      ? 'tokenizer: none'
      : `tokenizer: ${counted(tokenizer.vocabSize, 'token')}, ends at ${tokenizer.eosTokens.join(' and ') || 'nothing'}`,
    ...(tokenizer === undefined
      ? []
      : [
          tokenizer.chatTemplate === undefined
            ? 'chat template: none'
            : `chat template: ${counted(tokenizer.chatTemplate, 'character')}, ${tokenizer.marksAssistant ? 'marks' : 'does not mark'} what the assistant says`,
        ]),
    ...(found.ignoredFields.length === 0
      ? []
      : [`config.json fields without effect: ${found.ignoredFields.join(', ')}`]),
  ];
}

function runLines(found: RunInspection): string[] {
  const { config, record, done } = found;
  const { adapter } = config;
  const held = heldOutOf(config.data)?.paths.join(', ');
  const learned = [
    trainsBase(adapter) ? 'the model itself' : adapter.type,
    ...Object.entries(adapter).flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${value}`] : [])),
  ].join(', ');
  const state = done
    ? `${done.stopReason} at step ${done.step} after ${formatDuration(done.seconds)}; the saved weights are of step ${done.adapterStep}`
    : `step ${found.steps}, not finished`;
  const loss = (value: number | undefined): string => value?.toFixed(4) ?? 'none';
  const evals = found.evalLosses.map(({ step, evalLoss }) => `${loss(evalLoss)} at ${step}`);
  return [
    `${found.path}: a run, ${state}`,
    `model: ${config.model.path}`,
    `data: ${listOf(config.data.path).join(', ')}${held === undefined ? '' : `, evaluated on ${held}`}`,
    `trains: ${learned}; ${record.parameters.trained.toLocaleString('en')} of ${record.parameters.all.toLocaleString('en')} parameters`,
    `objective: ${config.objective.type}; optimizer: ${config.optimizer.type}, learning rate ${config.optimizer.learningRate}, ${config.schedule.type}`,
    `engine: ${engineText(record.engine)}`,
    `loss: ${loss(found.firstLoss)} at first, ${loss(found.lastLoss)} at last`,
    ...(evals.length === 0 ? [] : [`evaluation loss: ${evals.join(', ')}`]),
    `checkpoints: ${found.checkpoints.map((step) => `step ${step}`).join(', ') || 'none'}`,
  ];
}

function linesOf(found: Inspection): string[] {
  if (found.kind === 'checkpoint') return checkpointLines(found);
  if (found.kind === 'run') return runLines(found);
  return [
    `${found.path}: an adapter, ${found.type}`,
    `base model: ${found.baseModel ?? 'not named'}`,
    ...Object.entries(found.figures).map(([name, figure]) => `${name}: ${[figure].flat().join(', ')}`),
    `parameters: ${found.parameters.toLocaleString('en')}`,
  ];
}

export const inspectCommand: Command = {
  name: 'inspect',
  about: `Says what a checkpoint, .gguf file, adapter or run holds. With --program, prints a program of the model as a graph, one node a
line under the module that it computes; with --picture, draws it. Train is the step of a run as it was configured, of a
checkpoint under the default adapter.`,
  options: [
    {
      name: 'path',
      kind: { type: 'text' },
      value: 'PATH',
      required: true,
      positional: true,
      description: 'Checkpoint folder, .gguf file, adapter folder, run folder or Hugging Face id',
    },
    {
      name: 'program',
      kind: { type: 'choice', values: programNames },
      description: 'Prints this program of the model',
    },
    {
      name: 'picture',
      kind: { type: 'text' },
      value: 'FILE.svg',
      description: 'Draws the program instead of printing it',
    },
    { name: 'batch-size', kind: { type: 'integer', least: 1 }, default: 1, description: 'Rows of the program' },
    {
      name: 'length',
      kind: { type: 'integer', least: 1 },
      default: 64,
      description: 'Tokens of a row, or of its cache',
    },
  ],
  stopsBySignal: false,
  async run(args, context) {
    const picture = args.text('picture');
    const program = args.text('program') as ProgramName | undefined;
    if (picture !== undefined && program === undefined)
      throw new UsageError(`--picture draws a program: add --program ${programNames.join(', ')}`);
    if (picture !== undefined && !picture.endsWith('.svg'))
      throw new UsageError(`--picture: expected a file that ends in .svg but found ${picture}`);
    const given = args.required('path');
    const local = await pathKind(given);
    const path = local === undefined ? await bring(given, 'model', context) : given;
    if (program === undefined) {
      const found = await inspect(path);
      await context.out(context.json ? `${JSON.stringify(found)}\n` : `${linesOf(found).join('\n')}\n`);
      return 0;
    }
    const batchSize = args.number('batch-size') ?? 1;
    const length = args.number('length') ?? 64;
    const kind = await kindOfPath(path);
    const options = { batchSize, length, engine: referenceEngine() };
    const { graph, places } = await inspectProgram(path, kind, program, options);
    if (picture === undefined) {
      await context.out(printGraph(graph, (node) => places.get(node)?.module));
      return 0;
    }
    const title = `${program} of ${given}, batch ${batchSize}, length ${length}`;
    await writeFileAtomic(picture, drawGraph(graph, { title, places }));
    context.err(`${picture}: ${counted(graph.nodes.length, 'node')}\n`);
    return 0;
  },
};
