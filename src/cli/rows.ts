import { isSameFile, writeFileAtomic } from '../hub/files.ts';
import type { Row } from '../data/reader.ts';
import { rowsOfFiles } from '../data/sources.ts';
import type { EngineChoice } from '../loop/engines.ts';
import type { LoadedModel } from '../loop/model.ts';
import type { QuantizedType } from '../ir/ops/dequantize.ts';
import { UsageError } from '../loop/usageError.ts';
import type { AnyClassifier, Model } from '../nn/model.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Args, Option } from './args.ts';
import { bring, bringFiles } from './bring.ts';
import type { Context } from './command.ts';
import { Interrupted } from './errors.ts';

export const modelOption: Option = {
  name: 'model',
  kind: { type: 'text' },
  value: 'M',
  required: true,
  description:
    'Hugging Face id (org/name, org/name@revision), checkpoint folder, .gguf file, or nano or nano-vit, the small models in the package',
};

export const adapterOption: Option = {
  name: 'adapter',
  kind: { type: 'text' },
  value: 'A',
  description: 'PEFT adapter folder, or an id',
};

const quantizedTypes: readonly QuantizedType[] = ['int8', 'int4'];

export const quantizationOptions: readonly Option[] = [
  {
    name: 'quantization',
    kind: { type: 'choice', values: ['none', ...quantizedTypes] },
    default: 'none',
    description:
      'Bits in which the weights of linear layers are held: a quarter or less of the memory, for a rounded model',
  },
  {
    name: 'quantize-embeddings',
    kind: { type: 'boolean' },
    description: 'Embeddings and output head in as many bits too, which tune leaves as they are',
  },
];

/** What `quantizationOptions` say. UsageError on embeddings alone. */
function quantizationOf(args: Args): {
  readonly quantization: QuantizedType | undefined;
  readonly quantizeEmbeddings: boolean;
} {
  const quantization = quantizedTypes.find((type) => type === args.text('quantization'));
  const quantizeEmbeddings = args.flag('quantize-embeddings');
  if (quantizeEmbeddings && quantization === undefined)
    throw new UsageError(`--quantize-embeddings: expected --quantization ${quantizedTypes.join(' or ')} with it`);
  return { quantization, quantizeEmbeddings };
}

export const dataOptions: readonly Option[] = [
  {
    name: 'data',
    kind: { type: 'text' },
    value: 'D',
    required: true,
    description:
      'Input: .jsonl, .json, .csv, .tsv (also with .gz) or .parquet, a folder, a pattern or a Hugging Face id',
  },
  { name: 'split', kind: { type: 'text' }, default: 'train', description: 'Split of a data set on the hub' },
  { name: 'data-config', kind: { type: 'text' }, description: 'Configuration (subset) of a data set on the hub' },
  {
    name: 'columns',
    kind: { type: 'map', of: 'text' },
    description: "Renames columns: prompt=question reads the file's question as prompt",
  },
];

export const outOption: Option = {
  name: 'out',
  kind: { type: 'text' },
  value: 'F',
  description: 'Output file (JSONL); stdout without it',
};

export const batchOption: Option = {
  name: 'batch-size',
  kind: { type: 'integer', least: 1 },
  default: 8,
  description: 'Rows computed at once',
};

/** All rows of `--data`, read before any work starts, so that a broken line costs nothing. UsageError where `--out` would replace them. */
export async function readInput(args: Args, context: Context): Promise<Row[]> {
  const choice = { split: args.text('split') ?? 'train', config: args.text('data-config') };
  const { files } = await bringFiles(args.required('data'), choice, context);
  const out = args.text('out');
  for (const file of files) {
    if (out !== undefined && (await isSameFile(file, out)))
      throw new UsageError(`--out: expected another file than ${file}, which --data reads`);
  }
  const rows: Row[] = [];
  for await (const row of rowsOfFiles(files, { columns: args.map('columns') })) rows.push(row);
  return rows;
}

/** Writes results as JSON lines to `--out`, whole or not at all, or to stdout; says how many there were. Notices come once work starts. */
export async function writeResults(
  args: Args,
  context: Context,
  results: AsyncIterable<unknown>,
  notices: readonly string[] = [],
): Promise<number> {
  const path = args.text('out');
  let count = 0;
  const lines = async function* (): AsyncGenerator<string> {
    for (const notice of notices) context.err(`${notice}\n`);
    for await (const result of results) {
      if (context.signal.aborted) throw new Interrupted('Interrupted');
      count++;
      yield `${JSON.stringify(result)}\n`;
    }
  };
  if (path === undefined) {
    for await (const line of lines()) await context.out(line);
    return 0;
  }
  const encoder = new TextEncoder();
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    for await (const line of lines()) yield encoder.encode(line);
  };
  await writeFileAtomic(path, bytes());
  if (context.json) await context.out(`${JSON.stringify({ out: path, rows: count })}\n`);
  else context.err(`${path}: ${count} lines\n`);
  return 0;
}

/** Options of commands that run a model. */
export const engineOptions: readonly Option[] = [
  {
    name: 'engine',
    kind: { type: 'choice', values: ['auto', 'native', 'ort', 'reference'] },
    default: 'auto',
    description: 'What computes',
  },
  {
    name: 'precision',
    kind: { type: 'choice', values: ['auto', 'fp32', 'bf16'] },
    description:
      'Precision of the products: fp32 unless given, with --engine reference f64; auto is bf16 where the native engine has instructions for it',
  },
  {
    name: 'threads',
    kind: { type: 'integer', least: 1 },
    description: "Threads; the engine's own choice unless given",
  },
];

/** The engine that a command's options ask for. */
export function engineChoice(args: Args): EngineChoice {
  const name = args.text('engine') as EngineChoice['name'];
  const precision = args.text('precision') as EngineChoice['precision'];
  return { name, precision, threads: args.number('threads') };
}

/** What `--model`, `--adapter`, `--quantization` and `--engine` name, for as long as `use` takes. */
async function withEngine<T>(
  args: Args,
  context: Context,
  use: (named: {
    readonly model: string;
    readonly adapter: string | undefined;
    readonly quantization: QuantizedType | undefined;
    readonly quantizeEmbeddings: boolean;
    readonly engine: Engine;
    readonly notices: readonly string[];
  }) => Promise<T>,
): Promise<T> {
  const bits = quantizationOf(args);
  const { chooseEngine } = await import('../loop/engines.ts');
  const { engine, notices } = await chooseEngine(engineChoice(args), (line) => context.err(`${line}\n`), {
    signal: context.signal,
  });
  try {
    const model = await bring(args.required('model'), 'model', context);
    const adapter = args.text('adapter');
    return await use({
      model,
      adapter: adapter === undefined ? undefined : await bring(adapter, 'adapter', context),
      ...bits,
      engine,
      notices,
    });
  } finally {
    engine.close();
  }
}

async function closing<M extends Model, T>(
  loaded: LoadedModel<M>,
  use: (opened: LoadedModel<M>) => Promise<T>,
): Promise<T> {
  try {
    return await use(loaded);
  } finally {
    await loaded.close();
  }
}

/** Opens the model of `--model` and `--adapter` on the engine of `--engine` for as long as `use` takes. */
export const withModel = <T>(
  args: Args,
  context: Context,
  use: (loaded: LoadedModel, notices: readonly string[]) => Promise<T>,
): Promise<T> =>
  withEngine(args, context, async ({ notices, ...named }) => {
    const { openModel } = await import('../loop/model.ts');
    return closing(await openModel(named), (loaded) => use(loaded, [...notices, ...loaded.notices]));
  });

/** Writes what `work` makes with the model of `--model` and `--adapter`, a classifier by `classify`. */
export const runModel = (
  args: Args,
  context: Context,
  work: (loaded: LoadedModel) => AsyncIterable<unknown>,
  classify?: (loaded: LoadedModel<AnyClassifier>) => AsyncIterable<unknown>,
): Promise<number> =>
  withEngine(args, context, async ({ notices, ...named }) => {
    const { kindOfModel, openClassifier, openModel } = await import('../loop/model.ts');
    const write = <M extends Model>(loaded: LoadedModel<M>, results: AsyncIterable<unknown>): Promise<number> =>
      writeResults(args, context, results, [...notices, ...loaded.notices]);
    if (classify === undefined || (await kindOfModel(named.model)) === 'language')
      return closing(await openModel(named), (loaded) => write(loaded, work(loaded)));
    return closing(await openClassifier(named), (loaded) => write(loaded, classify(loaded)));
  });
