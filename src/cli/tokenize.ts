import { readExample, tokenizeFormats } from '../data/formats.ts';
import type { Row } from '../data/reader.ts';
import type { Tokenizer } from '../hub/tokenizer.ts';
import { openTokenizer } from '../loop/openTokenizer.ts';
import { bring } from './bring.ts';
import { atRow } from '../loop/rowInputs.ts';
import type { Command } from './command.ts';
import { dataOptions, modelOption, outOption, readInput, writeResults } from './rows.ts';

interface Tokenized {
  readonly index: number;
  readonly ids: readonly number[];
  /** The chat template's text. */
  readonly rendered?: string;
}

function tokenizeRow(row: Row, tokenizer: Tokenizer): Tokenized {
  const example = readExample(row, tokenizeFormats);
  if (example.kind === 'text') return { index: row.index, ids: tokenizer.encode(example.text) };
  const { messages, tools, variables, addGenerationPrompt = false } = example;
  const { ids, text } = tokenizer.applyChatTemplate(messages, {
    addGenerationPrompt,
    ...(tools === undefined ? {} : { tools }),
    ...(variables === undefined ? {} : { variables }),
  });
  return { index: row.index, ids, rendered: text };
}

export const tokenizeCommand: Command = {
  name: 'tokenize',
  about: `Reads {"text"} or {"messages", "tools"?, "addGenerationPrompt"?} per line and writes {"index", "ids", "rendered"?}.
Text gets the special tokens that the tokenizer adds by default; rendered is the chat template's text.`,
  options: [modelOption, ...dataOptions, outOption],
  stopsBySignal: true,
  async run(args, context) {
    const rows = await readInput(args, context);
    const tokenizer = await openTokenizer(await bring(args.required('model'), 'tokenizer', context));
    const results = async function* (): AsyncGenerator<Tokenized> {
      for (const row of rows) yield atRow(row, () => tokenizeRow(row, tokenizer));
    };
    return writeResults(args, context, results());
  },
};
