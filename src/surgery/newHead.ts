import { full } from '../adapters/full.ts';
import { type Checkpoint, openCheckpoint } from '../hub/checkpoint.ts';
import { describe, named } from '../ir/errors.ts';
import { randomKey } from '../ir/random.ts';
import { sameShape, sizeOf } from '../ir/types.ts';
import type { AnyClassifier } from '../nn/model.ts';
import { anyClassifier, modelKind } from '../nn/models/index.ts';
import { ownTensors } from '../nn/ownNames.ts';
import { runHere } from '../runtime/linalg/job.ts';
import { linearAlgebra } from '../runtime/linalg/service.ts';
import { randomService } from '../runtime/random.ts';
import type { StorageType } from '../runtime/storage.ts';
import { f32Source } from '../runtime/tensor-source.ts';
import { type WrittenTensor, writeWeights } from './writeWeights.ts';

export interface NewHeadOptions {
  /** Checkpoint folder or .gguf file: an encoder, a language model, or a classifier of other labels. */
  readonly model: string;
  readonly labels: readonly string[];
  readonly problemType?: NonNullable<AnyClassifier['problemType']>;
  readonly seed: number;
  /** Type in which all weights are stored; the model's unless given. */
  readonly storage?: 'f32' | 'bf16' | 'f16';
  /** The checkpoint folder to write; must not be there. */
  readonly out: string;
}

export interface NewHeadSummary {
  /** Tensors that were drawn: the head's, and what the model lacked. */
  readonly drawn: readonly string[];
  readonly storage: readonly string[];
  readonly notices: readonly string[];
}

/** config.json of the classifier, whose class is named as transformers names it. */
function configOf({ config, path }: Checkpoint, { labels, problemType }: NewHeadOptions): Checkpoint['config'] {
  const architectures: unknown = config['architectures'];
  const [first] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  const [, family] = /^(\w+?)(?:Model|For\w+|LMHeadModel)$/.exec(typeof first === 'string' ? first : '') ?? [];
  if (family === undefined)
    throw new TypeError(
      `${path}: expected a class of transformers at config.json.architectures but found ${describe(architectures)}`,
    );
  const { num_labels: _count, problem_type: _type, ...rest } = config;
  const task = modelKind(config).startsWith('image') ? 'ForImageClassification' : 'ForSequenceClassification';
  return {
    ...rest,
    architectures: [`${family}${task}`],
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    ...(problemType === undefined ? {} : { problem_type: problemType }),
  };
}

/**
 * A classifier of other labels on a model's weights: its head, and what the model lacks, is drawn from the seed as the architecture
 * draws it; the rest is as it was. Throws on labels that stand twice, on an architecture without a head here, and when the folder exists.
 */
export async function newHead(options: NewHeadOptions): Promise<NewHeadSummary> {
  const { labels, seed, out } = options;
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (labels.length === 0 || twice !== undefined)
    throw new RangeError(
      `labels: expected different names but found ${twice === undefined ? 'none' : `${twice} twice`}`,
    );
  const checkpoint = await openCheckpoint(options.model);
  try {
    const config = configOf(checkpoint, options);
    const model = named(checkpoint.path, () => anyClassifier(config));
    const own = ownTensors(checkpoint.tensors, model);
    const storages = new Set<StorageType>([...own.values()].map(({ storage }) => storage));
    const [only = 'f32'] = storages.size === 1 ? storages : [];
    const services = { random: randomService(), linalg: linearAlgebra(runHere()) };
    const drawn: string[] = [];
    const written: WrittenTensor[] = [];
    for (const { name, shape, initialize } of full(model).parameters) {
      const isHead = model.headModules.some((module) => name.startsWith(`${module}.`));
      const known = isHead ? undefined : own.get(name);
      const stored = model.fileName?.(name) ?? name;
      if (known && sameShape(known.shape, shape)) {
        written.push({ source: { ...known, name: stored }, storage: options.storage ?? known.storage });
        continue;
      }
      const values = new Float32Array(sizeOf(shape));
      const base = (other: string): Promise<never> =>
        Promise.reject(new RangeError(`Expected a drawn tensor but found ${other}`));
      await initialize(values, { ...services, key: randomKey(seed, name), base });
      drawn.push(stored);
      written.push({ source: f32Source(stored, shape, values), storage: options.storage ?? only });
    }
    return { drawn, ...(await writeWeights(out, written, { ...checkpoint, config })) };
  } finally {
    await checkpoint.close();
  }
}
