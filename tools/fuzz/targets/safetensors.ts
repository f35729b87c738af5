import { readSafetensors, safetensorsBytes } from '../../../src/hub/safetensors.ts';
import { isWeightStorage } from '../../../src/runtime/storage.ts';
import { elementCountOf, memorySource, type TensorSource } from '../../../src/runtime/tensor-source.ts';
import { mutateBytes, rawBytes } from '../bytes.ts';
import type { Draw } from '../draws.ts';
import { type Json, mutateJson } from '../json.ts';
import { fileCase, type FuzzTarget } from '../target.ts';

const name = 'fuzzed.safetensors';

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  return Uint8Array.from(Buffer.concat(parts));
}

const tensor = (
  path: string,
  shape: readonly number[],
  storage: TensorSource['storage'],
  bytes: number,
): TensorSource => memorySource(path, shape, storage, new Uint8Array(bytes));

const seed = await collected(
  safetensorsBytes(
    [
      tensor('a.weight', [2, 3], 'f32', 24),
      tensor('b', [4], 'bf16', 8),
      tensor('c', [], 'f16', 2),
      tensor('d', [0], 'i64', 0),
      tensor('e', [3], 'bool', 3),
    ],
    { format: 'pt' },
  ),
);
const headerEnd = 8 + Number(new DataView(seed.buffer).getBigUint64(0, true));
const header = JSON.parse(new TextDecoder().decode(seed.subarray(8, headerEnd))) as Json;

/** A file with a changed header before the same data, its length right or nearly so. */
function withHeader(draw: Draw): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(mutateJson(header, draw));
  const out = new Uint8Array(8 + text.length + seed.length - headerEnd);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length + (draw(10) === 0 ? draw(5) - 2 : 0)), true);
  out.set(text, 8);
  out.set(seed.subarray(headerEnd), 8 + text.length);
  return out;
}

function inputOf(draw: Draw): Uint8Array<ArrayBuffer> {
  const kind = draw(20);
  if (kind === 0) return rawBytes(draw);
  return kind < 10 ? mutateBytes(seed, draw, 0, draw(4) === 0 ? seed.length : headerEnd) : withHeader(draw);
}

/** Every tensor's bytes, and its values where it has some. */
export async function readAll(tensors: Iterable<TensorSource>): Promise<void> {
  for (const source of tensors) {
    const bytes = await source.read();
    if (bytes.byteLength !== source.byteLength)
      throw new Error(`read ${bytes.byteLength} bytes instead of ${source.byteLength}`);
    if (isWeightStorage(source.storage)) await source.readF32(new Float32Array(elementCountOf(source.shape)));
  }
}

export const safetensorsTarget: FuzzTarget = {
  name: 'safetensors',
  weight: 300,
  says: name,
  caseOf: (draw) =>
    fileCase(name, inputOf(draw), async (file) => readAll((await readSafetensors(file)).tensors.values())),
};
