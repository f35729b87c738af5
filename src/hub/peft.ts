import { folderHint } from './folderHint.ts';
import { elementCountOf } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { joinPath, jsonIn, openFile, pathInFolder, writeFileAtomic, writeFolderAtomic } from './files.ts';
import { recordOf } from './json.ts';
import { locateAdapter } from './node/locate.ts';
import { configName, type PeftContents, peftFiles, type PeftTensor, prefix, tensorsName } from './peftFiles.ts';
import { readSafetensors } from './safetensors.ts';

export { type PeftTensor, peftTensorName } from './peftFiles.ts';

/** What an adapter folder holds, whatever kind of adapter it is. */
export interface PeftFolder {
  /** adapter_config.json and its path. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly configFile: string;
  readonly tensors: ReadonlyMap<string, PeftTensor>;
  readonly tensorsFile: string;
}

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
  const read = await jsonIn(folder, configName);
  if (read === undefined) {
    throw new Error(
      `${folder}: expected an adapter folder with ${configName} but found none${await folderHint(folder, 'adapter')}`,
    );
  }
  const config = recordOf(read, configFile);
  const file = await openFile(await pathInFolder(folder, tensorsName, folder));
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

/** Writes the files that PEFT writes, the folder whole or not at all. */
export async function writePeftFolder(
  folder: string,
  contents: PeftContents,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  await writeFolderAtomic(
    folder,
    async (temporary) => {
      for (const [name, content] of Object.entries(peftFiles(contents)))
        await writeFileAtomic(joinPath(temporary, name), content);
    },
    options,
  );
}
