import { createHash } from './files.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';

/** SHA-256 over every tensor's name, shape, storage and all its bytes, in the order of names: the same however the tensors are spread over files. */
export async function fingerprintOf(tensors: Iterable<TensorSource>): Promise<string> {
  const hash = createHash('sha256');
  const inOrder = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const source of inOrder) {
    const { name, shape, storage, byteLength } = source;
    hash.update(`${JSON.stringify([name, shape, storage, byteLength])}\n`);
    for await (const chunk of source.chunks()) hash.update(chunk);
  }
  return hash.digest('hex');
}
