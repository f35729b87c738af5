import { generate, streamGenerate } from '../loop/generate.ts';
import { promptsOf } from '../loop/rowInputs.ts';
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
import { samplingOf, samplingOptions } from './sampling.ts';

export const generateCommand: Command = {
  name: 'generate',
  about: `Reads {"prompt"}, {"messages", "tools"?} or {"ids"} per line and writes {"index", "ids", "text", "finishReason"}, new tokens only.
Messages go through the chat template with a generation prompt. With --samples N each prompt has N lines, told apart by "sample".
--stream writes {"type": "text", "index", "sample", "text"} while text comes and {"type": "done", "generation"} for each result.`,
  options: [
    modelOption,
    adapterOption,
    ...quantizationOptions,
    ...dataOptions,
    outOption,
    {
      name: 'max-new-tokens',
      kind: { type: 'integer', least: 1 },
      required: true,
      description: 'Most new tokens per line',
    },
    ...samplingOptions(0),
    { name: 'samples', kind: { type: 'integer', least: 1 }, default: 1, description: 'Answers to each prompt' },
    {
      name: 'logprobs',
      kind: { type: 'integer', least: 0 },
      description: 'Log-probabilities of the new tokens, with this many alternatives',
    },
    { name: 'stream', kind: { type: 'boolean' }, description: 'Writes text as it comes' },
    batchOption,
    ...engineOptions,
  ],
  stopsBySignal: true,
  async run(args, context) {
    const sampling = await samplingOf(args);
    const rows = await readInput(args, context);
    return runModel(args, context, (loaded) => {
      const prompts = promptsOf(rows, loaded);
      const logprobs = args.number('logprobs');
      const options = {
        ...sampling,
        maxNewTokens: args.number('max-new-tokens') ?? 1,
        batchSize: args.number('batch-size') ?? 1,
        samples: args.number('samples') ?? 1,
        ...(logprobs === undefined ? {} : { logprobs }),
        signal: context.signal,
      };
      return args.flag('stream') ? streamGenerate(loaded, prompts, options) : generate(loaded, prompts, options);
    });
  },
};
