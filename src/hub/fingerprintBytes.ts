import type { TensorSource } from '../runtime/tensor-source.ts';

/** What a fingerprint is taken over: every tensor's name, shape, storage and all its bytes, in the order of names. */
export async function* fingerprintBytes(tensors: Iterable<TensorSource>): AsyncGenerator<Uint8Array> {
  const text = new TextEncoder();
  const inOrder = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const source of inOrder) {
    const { name, shape, storage, byteLength } = source;
    yield text.encode(`${JSON.stringify([name, shape, storage, byteLength])}\n`);
    yield* source.chunks();
  }
}
