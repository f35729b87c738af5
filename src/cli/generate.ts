import { generateFormats, readExample } from '../data/formats.ts';
import type { Row } from '../data/reader.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import { generate, type Prompt } from '../loop/generate.ts';
import { tokenizerOf } from '../loop/model.ts';
import { UsageError } from '../loop/usageError.ts';
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

function promptOf(row: Row, tokenizer: Tokenizer): Prompt {
  const example = readExample(row, generateFormats);
  if (example.kind === 'prompt') return { index: row.index, ids: tokenizer.encode(example.prompt) };
  const { messages, tools, variables } = example;
  const { ids } = tokenizer.applyChatTemplate(messages, {
    addGenerationPrompt: true,
    ...(tools === undefined ? {} : { tools }),
    ...(variables === undefined ? {} : { variables }),
  });
  return { index: row.index, ids };
}

/** A number of an option within bounds. */
function within(args: Args, name: string, expected: string, fits: (value: number) => boolean): number {
  const value = args.number(name);
  if (value === undefined || !fits(value))
    throw new UsageError(`--${name}: expected ${expected} but found ${value ?? 'nothing'}`);
  return value;
}

export const generateCommand: Command = {
  name: 'generate',
  about: `Reads {"prompt"} or {"messages", "tools"?} per line and writes {"index", "ids", "text", "finishReason"}, new tokens only.
Messages go through the chat template with a generation prompt.`,
  options: [
    modelOption,
    adapterOption,
    ...dataOptions,
    outOption,
    {
      name: 'max-new-tokens',
      kind: { type: 'integer', least: 1 },
      required: true,
      description: 'Most new tokens per line',
    },
    {
      name: 'temperature',
      kind: { type: 'number' },
      default: 0,
      description: 'Divides the logits; 0 takes the most likely token',
    },
    {
      name: 'top-k',
      kind: { type: 'integer', least: 0 },
      default: 0,
      description: 'Draws from the k most likely tokens; 0 from all',
    },
    {
      name: 'top-p',
      kind: { type: 'number' },
      default: 1,
      description: 'Draws from the most likely tokens that reach this probability',
    },
    { name: 'seed', kind: { type: 'integer', least: 0 }, default: 42, description: 'Fixes what is drawn' },
    batchOption,
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const sampling = {
      temperature: within(args, 'temperature', 'at least 0', (value) => value >= 0),
      topP: within(args, 'top-p', 'more than 0 and at most 1', (value) => value > 0 && value <= 1),
      topK: args.number('top-k') ?? 0,
      seed: within(args, 'seed', 'less than 4294967296', (value) => value < 2 ** 32),
    };
    const rows = await readInput(args);
    return runModel(args, context, (loaded) => {
      const tokenizer = tokenizerOf(loaded);
      const prompts = rows.map((row) => atRow(row, () => promptOf(row, tokenizer)));
      const maxNewTokens = args.number('max-new-tokens') ?? 1;
      const batchSize = args.number('batch-size') ?? 1;
      return generate(loaded, prompts, { ...sampling, maxNewTokens, batchSize, signal: context.signal });
    });
  },
};
