import { type AdapterDescription, describeAdapter } from '../adapters/peftFolder.ts';
import { openCheckpoint } from '../hub/checkpoint.ts';
import { joinPath, jsonIn, pathKind } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import { anyModel, type ModelKind, modelKind } from '../nn/models/index.ts';
import { elementCountOf, type TensorSource } from '../runtime/tensor-source.ts';
import type { DoneEvent, MetricsLine } from './events.ts';
import { checkpointsIn } from './checkpoints.ts';
import type { TuneConfig } from './config.ts';
import { tokenizerOf } from './openTokenizer.ts';
import { openRunFolder, type RunRecord } from './runFolder.ts';

/** Tensors of one storage type. */
export interface StorageShare {
  readonly storage: string;
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

/** Fields of config.json that say how large a model is, by their own names. */
const sizeFields = [
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
  'head_dim',
  'intermediate_size',
  'vocab_size',
  'max_position_embeddings',
  'n_embd',
  'n_layer',
  'n_head',
  'n_positions',
  'image_size',
  'patch_size',
  'num_channels',
] as const;

export interface CheckpointInspection {
  readonly kind: 'checkpoint';
  readonly path: string;
  readonly format: 'safetensors' | 'gguf';
  /** config.json's model_type. */
  readonly architecture: string;
  /** What it is for here; absent where the architecture is not known, and why. */
  readonly use?: (typeof uses)[ModelKind];
  readonly unknown?: string;
  readonly sizes: Readonly<Record<string, number>>;
  /** Elements of all tensors. */
  readonly parameters: number;
  readonly storage: readonly StorageShare[];
  readonly bytes: number;
  /** Whether the output head is the embedding. */
  readonly tied?: boolean;
  /** What an adapter may target. */
  readonly linears?: { readonly count: number; readonly names: readonly string[] };
  readonly tokenizer?: {
    readonly vocabSize: number;
    readonly eosTokens: readonly string[];
    /** Characters of the chat template; absent without one. */
    readonly chatTemplate?: number;
    /** Whether the template marks what the assistant says. */
    readonly marksAssistant: boolean;
  };
  /** Fields of config.json that have no effect. */
  readonly ignoredFields: readonly string[];
}

export interface AdapterInspection extends AdapterDescription {
  readonly kind: 'adapter';
  readonly path: string;
}

export interface RunInspection {
  readonly kind: 'run';
  readonly path: string;
  readonly config: TuneConfig;
  readonly record: RunRecord;
  readonly steps: number;
  readonly firstLoss?: number;
  readonly lastLoss?: number;
  readonly evalLosses: readonly { readonly step: number; readonly evalLoss: number }[];
  readonly done?: DoneEvent;
  readonly checkpoints: readonly number[];
}

export type Inspection = CheckpointInspection | AdapterInspection | RunInspection;

function sharesOf(tensors: Iterable<TensorSource>): StorageShare[] {
  const shares = new Map<string, StorageShare>();
  for (const { storage, shape, byteLength } of tensors) {
    const known = shares.get(storage) ?? { storage, tensors: 0, elements: 0, bytes: 0 };
    const elements = known.elements + elementCountOf(shape);
    shares.set(storage, { storage, tensors: known.tensors + 1, elements, bytes: known.bytes + byteLength });
  }
  return [...shares.values()].toSorted((a, b) => b.bytes - a.bytes);
}

const uses = {
  language: 'language model',
  classifier: 'classifier',
  encoder: 'encoder',
  imageClassifier: 'image classifier',
  imageEncoder: 'image encoder',
} as const;

/** What the architecture says of a config; why not, where it is not known here. */
function modelFacts(config: Record<string, unknown>): Partial<CheckpointInspection> {
  try {
    const model = anyModel(config);
    const names = [...new Set(model.linears.map(({ name }) => name.split('.').at(-1) ?? name))];
    return {
      use: uses[modelKind(config)],
      ignoredFields: model.ignoredFields,
      linears: { count: model.linears.length, names },
      ...('tied' in model && typeof model.tied === 'boolean' ? { tied: model.tied } : {}),
    };
  } catch (cause) {
    return { unknown: cause instanceof Error ? cause.message : String(cause) };
  }
}

async function inspectCheckpoint(path: string): Promise<CheckpointInspection> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { config, tensors, format, generationConfig } = checkpoint;
    const storage = sharesOf(tensors.values());
    const files = checkpoint.tokenizer;
    const tokenizer = files && tokenizerOf(path, files, [generationConfig, config]);
    const sizes = sizeFields.flatMap((field): [string, number][] =>
      typeof config[field] === 'number' ? [[field, config[field]]] : [],
    );
    return {
      kind: 'checkpoint',
      path,
      format,
      architecture: typeof config['model_type'] === 'string' ? config['model_type'] : 'unknown',
      sizes: Object.fromEntries(sizes),
      parameters: storage.reduce((sum, { elements }) => sum + elements, 0),
      storage,
      bytes: storage.reduce((sum, { bytes }) => sum + bytes, 0),
      ignoredFields: [],
      ...modelFacts(config),
      ...(tokenizer && {
        tokenizer: {
          vocabSize: tokenizer.vocabSize,
          eosTokens: tokenizer.eosTokenIds.map((id) => tokenizer.tokenText(id)),
          ...(tokenizer.chatTemplate === undefined ? {} : { chatTemplate: tokenizer.chatTemplate.length }),
          marksAssistant: tokenizer.hasGenerationBlocks,
        },
      }),
    };
  } finally {
    await checkpoint.close();
  }
}

async function inspectAdapter(path: string): Promise<AdapterInspection> {
  return { kind: 'adapter', path, ...(await describeAdapter(path)) };
}

async function inspectRun(path: string): Promise<RunInspection> {
  const run = await openRunFolder(path);
  const { config, run: record } = await run.read();
  const lines = await run.metrics();
  const of = <T extends MetricsLine['type']>(type: T): Extract<MetricsLine, { type: T }>[] =>
    lines.filter((line): line is Extract<MetricsLine, { type: T }> => line.type === type);
  const [steps, done] = [of('step'), of('done').at(-1)];
  const [first, last] = [steps[0], steps.at(-1)];
  const saved = await checkpointsIn(joinPath(path, 'checkpoints'));
  return {
    kind: 'run',
    path,
    config,
    record,
    steps: last?.step ?? 0,
    ...(first && { firstLoss: first.loss }),
    ...(last && { lastLoss: last.loss }),
    evalLosses: of('eval').flatMap(({ step, evalLoss }) => (evalLoss === undefined ? [] : [{ step, evalLoss }])),
    ...(done && { done }),
    checkpoints: saved.map(({ step }) => step).toSorted((a, b) => a - b),
  };
}

/** What lies at a path. */
export async function kindOfPath(path: string): Promise<Inspection['kind']> {
  if ((await pathKind(path)) !== 'folder') return 'checkpoint';
  if ((await pathKind(joinPath(path, 'adapter_config.json'))) === 'file') return 'adapter';
  const config = await jsonIn(path, 'config.json');
  return isRecord(config) && 'schemaVersion' in config ? 'run' : 'checkpoint';
}

/** What a checkpoint folder, .gguf file, adapter folder or run folder holds. Throws what opening it throws. */
export async function inspect(path: string): Promise<Inspection> {
  const kind = await kindOfPath(path);
  if (kind === 'adapter') return inspectAdapter(path);
  return kind === 'run' ? inspectRun(path) : inspectCheckpoint(path);
}
