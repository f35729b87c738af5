import { elementCountOf, f32Source } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { joinPath, openFile, pathKind, readJsonFile, writeFileAtomic, writeFolderAtomic } from './files.ts';
import { locateAdapter } from './node/locate.ts';
import { parsePeftConfig, peftConfigJson, peftVersion } from './peft-config.ts';
import type { PeftLoraConfig } from './peft-config.ts';
import { rankOf, targetsModule } from './peft-target.ts';
import type { LinearModule } from './peft-target.ts';
import { readSafetensors, safetensorsBytes } from './safetensors.ts';

export type { PeftLoraConfig } from './peft-config.ts';
export type { LinearModule } from './peft-target.ts';

export interface AdapterTensor {
  readonly shape: readonly [number, number];
  readonly values: Float32Array;
}

/** The factors of one module: A [r, in], B [out, r]. */
export interface LoraTensors {
  readonly A: AdapterTensor;
  readonly B: AdapterTensor;
}

/** A LoRA adapter: its config and its factors by module path (model.layers.0.self_attn.q_proj). */
export interface PeftAdapter {
  readonly config: PeftLoraConfig;
  readonly modules: ReadonlyMap<string, LoraTensors>;
}

const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

const tensorName = (path: string, part: 'A' | 'B'): string => `${prefix}${path}.lora_${part}.weight`;

const wrongShape = (file: string, name: string, expected: readonly number[], found: readonly number[]): RangeError =>
  new RangeError(`${file}: tensor ${name}: expected shape [${expected.join(', ')}] but found [${found.join(', ')}]`);

async function readFactor(file: string, source: TensorSource): Promise<AdapterTensor> {
  const [rows, columns, ...rest] = source.shape;
  if (rows === undefined || columns === undefined || rest.length > 0) {
    throw new RangeError(`${file}: tensor ${source.name}: expected two axes but found [${source.shape.join(', ')}]`);
  }
  const values = new Float32Array(elementCountOf(source.shape));
  await source.readF32(values);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new RangeError(`${file}: tensor ${source.name}: expected finite values but found ${values[bad]} at ${bad}`);
  }
  return { shape: [rows, columns], values };
}

async function readModules(
  file: string,
  tensors: ReadonlyMap<string, TensorSource>,
  config: PeftLoraConfig,
): Promise<Map<string, LoraTensors>> {
  const paths = new Set<string>();
  for (const name of tensors.keys()) {
    const path = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(name)?.[1];
    if (path === undefined) {
      throw new RangeError(`${file}: tensor ${name}: expected ${prefix}MODULE.lora_A.weight or .lora_B.weight`);
    }
    paths.add(path);
  }
  const factor = (name: string): Promise<AdapterTensor> => {
    const source = tensors.get(name);
    if (source === undefined) throw new RangeError(`${file}: expected tensor ${name} but found none`);
    return readFactor(file, source);
  };
  const modules = new Map<string, LoraTensors>();
  for (const path of paths) {
    const rank = rankOf(config, path);
    const A = await factor(tensorName(path, 'A'));
    const B = await factor(tensorName(path, 'B'));
    if (A.shape[0] !== rank) throw wrongShape(file, tensorName(path, 'A'), [rank, A.shape[1]], A.shape);
    if (B.shape[1] !== rank) throw wrongShape(file, tensorName(path, 'B'), [B.shape[0], rank], B.shape);
    modules.set(path, { A, B });
  }
  return modules;
}

/** Reads a LoRA folder, here or on the hub, that PEFT or this library wrote; stricter than PEFT: a missing, unknown, mis-shaped or non-finite tensor is an error that names it. */
export async function readPeftAdapter(adapter: string): Promise<PeftAdapter> {
  const { path: folder } = await locateAdapter(adapter);
  const configPath = joinPath(folder, configName);
  if ((await pathKind(configPath)) === undefined) {
    throw new Error(`${folder}: expected an adapter folder with ${configName} but found none`);
  }
  const config = parsePeftConfig(await readJsonFile(configPath), configPath);
  const file = await openFile(joinPath(folder, tensorsName));
  try {
    const { tensors } = await readSafetensors(file);
    return { config, modules: await readModules(file.name, tensors, config) };
  } finally {
    await file.close();
  }
}

/** Checks an adapter against a model's linear modules (the output head marked): RangeError that names the first module missing, unknown or of another size. `where` is what errors call the adapter. */
export function checkPeftAdapter(
  adapter: PeftAdapter,
  linears: Iterable<LinearModule & { readonly isHead?: boolean }>,
  where: string,
): void {
  const unseen = new Set(adapter.modules.keys());
  const { config } = adapter;
  for (const { path, inFeatures, outFeatures, isHead } of linears) {
    // Writers that leave target_modules out mean the modules that have tensors.
    const targeted = config.targetModules === undefined ? unseen.has(path) : targetsModule(config, path, isHead);
    const factors = adapter.modules.get(path);
    if (!targeted) continue;
    if (factors === undefined) {
      throw new RangeError(
        `${where}: expected tensor ${tensorName(path, 'A')}, which its target_modules name, but found none`,
      );
    }
    unseen.delete(path);
    const { A, B } = factors;
    const rank = A.shape[0];
    if (A.shape[1] !== inFeatures) throw wrongShape(where, tensorName(path, 'A'), [rank, inFeatures], A.shape);
    if (B.shape[0] !== outFeatures) throw wrongShape(where, tensorName(path, 'B'), [outFeatures, rank], B.shape);
  }
  for (const path of unseen) {
    throw new RangeError(
      `${where}: tensor ${tensorName(path, 'A')}: expected a module of this model that its target_modules name`,
    );
  }
}

function modelCard(config: PeftLoraConfig): string {
  const base = config.baseModelNameOrPath ?? '';
  return `---
base_model: ${JSON.stringify(base)}
library_name: peft
pipeline_tag: text-generation
tags:
- ${JSON.stringify(`base_model:adapter:${base}`)}
- lora
- transformers
---

# LoRA adapter${base === '' ? '' : ` of ${base}`}

Rank ${config.r}, alpha ${config.loraAlpha}${config.useRslora ? ', rsLoRA' : ''}. Load it with PEFT: \`PeftModel.from_pretrained(base, path)\`.

### Framework versions

- PEFT ${peftVersion}
`;
}

/** The adapter's tensors under the names that PEFT gives them. */
function* factorSources(modules: PeftAdapter['modules']): Generator<TensorSource> {
  for (const [path, { A, B }] of modules) {
    yield f32Source(tensorName(path, 'A'), A.shape, A.values);
    yield f32Source(tensorName(path, 'B'), B.shape, B.values);
  }
}

/** Writes the files that PEFT writes (adapter_config.json, adapter_model.safetensors, README.md), the folder whole or not at all. */
export async function writePeftAdapter(
  folder: string,
  adapter: PeftAdapter,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  await writeFolderAtomic(
    folder,
    async (temporary) => {
      const config = JSON.stringify(peftConfigJson(adapter.config), null, 2);
      await writeFileAtomic(joinPath(temporary, configName), config);
      await writeFileAtomic(joinPath(temporary, tensorsName), safetensorsBytes(factorSources(adapter.modules)));
      await writeFileAtomic(joinPath(temporary, 'README.md'), modelCard(adapter.config));
    },
    options,
  );
}
