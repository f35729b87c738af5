import type { TensorSource } from '../runtime/tensor-source.ts';
import { createHash } from './files.ts';
import { fingerprintBytes } from './fingerprintBytes.ts';

/** SHA-256 over all tensors whole: the same however they are spread over files. */
export async function fingerprintOf(tensors: Iterable<TensorSource>): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of fingerprintBytes(tensors)) hash.update(bytes);
  return hash.digest('hex');
}
