import type { TensorSource } from '../runtime/tensor-source.ts';
import type { ByteFile } from './byte-file.ts';
import { fileIn, joinPath, openFile, pathInFolder, readJsonFile } from './files.ts';
import { describe, recordOf } from './json.ts';
import { readSafetensors } from './safetensors.ts';

/** Tensors by name, and the open files that they read from. */
export interface OpenTensors {
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** The file of each tensor, where there are several. */
  readonly shards?: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

async function closeAll(files: readonly ByteFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}

async function openSingle(path: string): Promise<OpenTensors> {
  const file = await openFile(path);
  try {
    const { tensors } = await readSafetensors(file);
    return { tensors, close: () => file.close() };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** Which file of the index holds each tensor. */
function weightMapOf(index: unknown, path: string): Map<string, string> {
  const map = recordOf(recordOf(index, path)['weight_map'], `${path}: weight_map`);
  return new Map(
    Object.entries(map).map(([name, file]) => {
      if (typeof file === 'string') return [name, file];
      throw new SyntaxError(`${path}: weight_map.${name}: expected a file name but found ${describe(file)}`);
    }),
  );
}

async function openSharded(folder: string, indexPath: string): Promise<OpenTensors> {
  const weightMap = weightMapOf(await readJsonFile(indexPath), indexPath);
  const files: ByteFile[] = [];
  try {
    const shards = new Map<string, ReadonlyMap<string, TensorSource>>();
    const tensors = new Map<string, TensorSource>();
    const placed = new Map(weightMap);
    for (const shard of new Set(weightMap.values())) {
      const file = await openFile(await pathInFolder(folder, shard, indexPath));
      files.push(file);
      const found = (await readSafetensors(file)).tensors;
      shards.set(shard, found);
      for (const [name, source] of found) {
        // As transformers, a tensor that the index does not place still counts.
        if (weightMap.get(name) !== undefined) continue;
        tensors.set(name, source);
        placed.set(name, shard);
      }
    }
    for (const [name, shard] of weightMap) {
      const source = shards.get(shard)?.get(name);
      if (source === undefined) {
        throw new RangeError(`${joinPath(folder, shard)}: expected tensor ${name}, as the index says, but found none`);
      }
      tensors.set(name, source);
    }
    return { tensors, shards: placed, close: () => closeAll(files) };
  } catch (cause) {
    await closeAll(files);
    throw cause;
  }
}

/** Opens the safetensors of a checkpoint folder, one file or sharded; undefined where there are none. */
export async function openTensors(folder: string): Promise<OpenTensors | undefined> {
  const single = await fileIn(folder, 'model.safetensors');
  if (single !== undefined) return openSingle(single);
  const index = await fileIn(folder, 'model.safetensors.index.json');
  return index === undefined ? undefined : openSharded(folder, index);
}
