import { elementCountOf, type TensorSource } from '../runtime/tensor-source.ts';
import { ggmlTypeOf } from './gguf.ts';

/** A metadata value with the type that GGUF stores it in. */
export type GgufField =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly i32s: Int32Array }
  | { readonly f32s: Float32Array };

export type GgufFieldMap = ReadonlyMap<string, GgufField>;

const alignment = 32;
const version = 3;
const valueTypes = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9 } as const;

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
const f32 = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer);
const bytesOfArray = (values: Int32Array | Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

const encoder = new TextEncoder();

function text(value: string): Uint8Array {
  const bytes = encoder.encode(value);
  return joined([u64(bytes.byteLength), bytes]);
}

function fieldBytes(field: GgufField): Uint8Array {
  const list = (type: number, count: number, elements: readonly Uint8Array[]): Uint8Array =>
    joined([u32(valueTypes.list), u32(type), u64(count), joined(elements)]);
  if ('u32' in field) return joined([u32(valueTypes.u32), u32(field.u32)]);
  if ('f32' in field) return joined([u32(valueTypes.f32), f32(field.f32)]);
  if ('bool' in field) return joined([u32(valueTypes.bool), Uint8Array.of(field.bool ? 1 : 0)]);
  if ('text' in field) return joined([u32(valueTypes.text), text(field.text)]);
  if ('texts' in field) return list(valueTypes.text, field.texts.length, field.texts.map(text));
  if ('i32s' in field) return list(valueTypes.i32, field.i32s.length, [bytesOfArray(field.i32s)]);
  return list(valueTypes.f32, field.f32s.length, [bytesOfArray(field.f32s)]);
}

const padding = (length: number): Uint8Array => new Uint8Array((alignment - (length % alignment)) % alignment);

/** A GGUF file (version 3, little-endian): metadata, tensor table, tensors in their order, each aligned to 32 bytes. */
export async function* ggufBytes(metadata: GgufFieldMap, tensors: readonly TensorSource[]): AsyncGenerator<Uint8Array> {
  let offset = 0;
  const table = tensors.map(({ name, shape, storage, byteLength }) => {
    elementCountOf(shape);
    const axes = shape.toReversed().map(u64);
    const entry = joined([text(name), u32(axes.length), ...axes, u32(ggmlTypeOf(storage)), u64(offset)]);
    offset += byteLength + padding(byteLength).byteLength;
    return entry;
  });
  const header = joined([
    encoder.encode('GGUF'),
    u32(version),
    u64(tensors.length),
    u64(metadata.size),
    ...[...metadata].flatMap(([key, field]) => [text(key), fieldBytes(field)]),
    ...table,
  ]);
  yield header;
  yield padding(header.byteLength);
  for (const tensor of tensors) {
    yield* tensor.chunks();
    yield padding(tensor.byteLength);
  }
}
