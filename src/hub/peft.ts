import { elementCountOf, f32Source } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { joinPath, openFile, pathKind, readJsonFile, writeFileAtomic, writeFolderAtomic } from './files.ts';
import { recordOf } from './json.ts';
import { locateAdapter } from './node/locate.ts';
import { peftVersion } from './peft-config.ts';
import { readSafetensors, safetensorsBytes } from './safetensors.ts';

/** One tensor of an adapter's file, by its name after `base_model.model.`. */
export interface PeftTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What an adapter folder holds, whatever kind of adapter it is. */
export interface PeftFolder {
  /** adapter_config.json and its path. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly configFile: string;
  readonly tensors: ReadonlyMap<string, PeftTensor>;
  readonly tensorsFile: string;
}

const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

/** The name that PEFT's file has for a tensor. */
export const peftTensorName = (name: string): string => `${prefix}${name}`;

async function readTensor(file: string, source: TensorSource): Promise<PeftTensor> {
  if (!source.name.startsWith(prefix))
    throw new RangeError(`${file}: tensor ${source.name}: expected a name that starts with ${prefix}`);
  const values = new Float32Array(elementCountOf(source.shape));
  await source.readF32(values);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new RangeError(`${file}: tensor ${source.name}: expected finite values but found ${values[bad]} at ${bad}`);
  }
  return { name: source.name.slice(prefix.length), shape: source.shape, values };
}

/** Reads a folder, here or on the hub, that PEFT or this library wrote. Throws, naming the file, on what is missing, broken or not finite. */
export async function readPeftFolder(adapter: string): Promise<PeftFolder> {
  const { path: folder } = await locateAdapter(adapter);
  const configFile = joinPath(folder, configName);
  if ((await pathKind(configFile)) === undefined) {
    throw new Error(`${folder}: expected an adapter folder with ${configName} but found none`);
  }
  const config = recordOf(await readJsonFile(configFile), configFile);
  const file = await openFile(joinPath(folder, tensorsName));
  try {
    const tensors = new Map<string, PeftTensor>();
    for (const source of (await readSafetensors(file)).tensors.values()) {
      const tensor = await readTensor(file.name, source);
      tensors.set(tensor.name, tensor);
    }
    return { config, configFile, tensors, tensorsFile: file.name };
  } finally {
    await file.close();
  }
}

function modelCard(config: Readonly<Record<string, unknown>>, summary: string): string {
  const named = config['base_model_name_or_path'];
  const base = typeof named === 'string' ? named : '';
  const type = config['peft_type'];
  const kind = typeof type === 'string' ? type.toLowerCase() : '';
  return `---
base_model: ${JSON.stringify(base)}
library_name: peft
pipeline_tag: ${config['task_type'] === 'SEQ_CLS' ? 'text-classification' : 'text-generation'}
tags:
- ${JSON.stringify(`base_model:adapter:${base}`)}
- ${kind}
- transformers
---

# ${kind === 'lora' ? 'LoRA' : kind} adapter${base === '' ? '' : ` of ${base}`}

${summary}. Load it with PEFT: \`PeftModel.from_pretrained(base, path)\`.

### Framework versions

- PEFT ${peftVersion}
`;
}

/** Writes the files that PEFT writes (adapter_config.json, adapter_model.safetensors, README.md), the folder whole or not at all. */
export async function writePeftFolder(
  folder: string,
  contents: {
    readonly config: Readonly<Record<string, unknown>>;
    readonly tensors: Iterable<PeftTensor>;
    /** What kind of adapter it is, for the model card. */
    readonly summary: string;
  },
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const { config, tensors, summary } = contents;
  const sources = Array.from(tensors, ({ name, shape, values }) => f32Source(peftTensorName(name), shape, values));
  await writeFolderAtomic(
    folder,
    async (temporary) => {
      await writeFileAtomic(joinPath(temporary, configName), JSON.stringify(config, null, 2));
      await writeFileAtomic(joinPath(temporary, tensorsName), safetensorsBytes(sources));
      await writeFileAtomic(joinPath(temporary, 'README.md'), modelCard(config, summary));
    },
    options,
  );
}
