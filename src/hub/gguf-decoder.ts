import { languageModel } from '../nn/models/index.ts';
import { ownTensors } from '../nn/ownNames.ts';
import { type TensorSource, tensorSource } from '../runtime/tensor-source.ts';
import { fileSources } from './byte-file.ts';
import { commonConfig, type GgufArchitecture, silentKeys } from './gguf-architecture.ts';
import type { Gguf } from './gguf.ts';
import type { GgufField } from './gguf-bytes.ts';
import { gemma3Gguf } from './gguf-gemma3.ts';
import { gpt2Gguf } from './gguf-gpt2.ts';
import { llamaGguf, qwen2Gguf, qwen3Gguf } from './gguf-llama.ts';
import { ggufFields } from './gguf-metadata.ts';
import { ropeFactorsName } from './gguf-rope.ts';

const architectures: readonly GgufArchitecture[] = [llamaGguf, qwen2Gguf, qwen3Gguf, gemma3Gguf, gpt2Gguf];

/** Architectures that can be written, by the hub's model_type. */
export const ggufDecoders: readonly string[] = architectures.flatMap(({ modelTypes }) => modelTypes);

/** The architecture of a file. TypeError naming one that is not read. */
function architectureOf(gguf: Gguf): GgufArchitecture {
  const fields = ggufFields(gguf);
  const name = fields.string('general.architecture') ?? '';
  const found = architectures.find((each) => each.name === name);
  if (found) return found;
  const known = architectures.map((each) => each.name).join(', ');
  throw new TypeError(`${fields.file}: general.architecture: expected ${known} but found ${JSON.stringify(name)}`);
}

const own = (record: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** A checkpoint's name of a file's tensor; undefined where there is none. */
function checkpointName({ modules, outer, blocks }: GgufArchitecture, stored: string): string | undefined {
  const [, layer, part, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(stored) ?? [];
  const module = part === undefined ? undefined : own(modules, part);
  return module === undefined ? own(outer, stored) : `${blocks}.${layer}.${module}.${kind}`;
}

/** A file's name of a checkpoint's tensor; undefined where there is none. */
function storedName({ modules, outer, blocks }: GgufArchitecture, name: string): string | undefined {
  const inside = name.startsWith(`${blocks}.`) ? name.slice(blocks.length + 1) : '';
  const [, layer, module, kind] = /^(\d+)\.([\w.]+)\.(weight|bias)$/.exec(inside) ?? [];
  const keyOf = (record: Readonly<Record<string, string>>, value: string | undefined): string | undefined =>
    Object.entries(record).find(([, each]) => each === value)?.[0];
  const part = keyOf(modules, module);
  return part === undefined ? keyOf(outer, name) : `blk.${layer}.${part}.${kind}`;
}

function checkKeys(
  { file, integer }: ReturnType<typeof ggufFields>,
  { name, keys }: GgufArchitecture,
  gguf: Gguf,
): void {
  const known = new Set([...silentKeys, ...keys].map((key) => `${name}.${key}`));
  for (const key of gguf.metadata.keys()) {
    if (key.startsWith(`${name}.`) && !known.has(key)) {
      throw new TypeError(`${file}: ${key}: this ${name} option is not supported`);
    }
  }
  if ((integer('split.count') ?? 1) > 1) {
    throw new TypeError(`${file}: split.count: expected a GGUF of one file but found a part of several`);
  }
}

/** The tensors of a GGUF under their Hugging Face names, as a checkpoint has them. */
export function ggufDecoderTensors(gguf: Gguf): Map<string, TensorSource> {
  const architecture = architectureOf(gguf);
  const layoutOf = architecture.layout(gguf);
  const sources = new Map<string, TensorSource>();
  const sourceOf = fileSources(gguf.file);
  for (const tensor of gguf.tensors.values()) {
    if (tensor.name === ropeFactorsName) continue;
    const where = `${gguf.file.name}: tensor ${tensor.name}`;
    const name = checkpointName(architecture, tensor.name);
    if (name === undefined) throw new TypeError(`${where}: not a part of a ${architecture.name} model`);
    const layout = layoutOf(tensor.name);
    const { position, shape, storage } = tensor;
    const source = sourceOf({ position, name: layout ? where : name, shape, storage });
    sources.set(name, layout ? layout.read(source, name) : source);
  }
  return sources;
}

/** A Hugging Face config.json for a GGUF, from its metadata. TypeError, naming the key, for what llama.cpp has there and Hugging Face's model has not. */
export async function ggufDecoderConfig(gguf: Gguf): Promise<Record<string, unknown>> {
  const architecture = architectureOf(gguf);
  checkKeys(ggufFields(gguf), architecture, gguf);
  return { ...(await architecture.config(gguf)), ...commonConfig(gguf) };
}

/** What a GGUF of a model is made of. */
export interface GgufParts {
  readonly architecture: string;
  readonly fields: ReadonlyMap<string, GgufField>;
  readonly tensors: readonly TensorSource[];
}

/** A decoder as llama.cpp has it; undefined for an architecture that is none of `ggufDecoders`. TypeError, naming field or tensor, for what it has no place for. */
export function ggufOfDecoder(
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorSource>,
): GgufParts | undefined {
  const architecture = architectures.find(({ modelTypes }) => modelTypes.some((type) => type === json['model_type']));
  if (!architecture) return undefined;
  const { name } = architecture;
  const model = languageModel(json);
  const { fields, layout: layoutOf, more = [] } = architecture.write(json);
  const tiedHead = model.head === `${model.headModule}.weight` ? undefined : `${model.headModule}.weight`;
  const sources = [...ownTensors(tensors, model).values()]
    .filter((source) => source.name !== tiedHead)
    .map((source) => {
      const stored = storedName(architecture, source.name);
      if (stored === undefined) throw new TypeError(`${source.name}: a ${name} GGUF has no place for this tensor`);
      const layout = layoutOf(stored);
      return layout
        ? layout.write(source, stored)
        : tensorSource(stored, source.shape, source.storage, () => source.chunks());
    });
  return { architecture: name, fields: new Map(fields), tensors: [...sources, ...more] };
}
