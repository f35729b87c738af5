import type { TensorSource } from '../runtime/tensor-source.ts';
import { createHash } from './files.ts';
import { fingerprintBytes } from './fingerprintBytes.ts';
import { sha256OnThread } from './node/sha256OnThread.ts';

/** What is less is hashed before a thread would be there. */
const worthThread = 2 ** 25;

/** SHA-256 over all tensors whole: the same however they are spread over files. Large models are hashed on a thread of its own. */
export async function fingerprintOf(tensors: Iterable<TensorSource>): Promise<string> {
  const all = [...tensors];
  const pieces = fingerprintBytes(all);
  if (all.reduce((sum, { byteLength }) => sum + byteLength, 0) >= worthThread) return sha256OnThread(pieces);
  const hash = createHash('sha256');
  for await (const bytes of pieces) hash.update(bytes);
  return hash.digest('hex');
}
