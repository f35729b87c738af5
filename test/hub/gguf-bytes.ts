/** GGUF files for tests: each value is given with its type number, so that wrong ones can be made too. */

type Part = Uint8Array;

const u32 = (value: number): Part => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint): Part => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
const f32 = (value: number): Part => new Uint8Array(Float32Array.of(value).buffer);

export function text(value: string): Part {
  const bytes = new TextEncoder().encode(value);
  return concat([u64(bytes.length), bytes]);
}

export function concat(parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export type Value =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly u64: bigint }
  | { readonly bool: boolean }
  | string
  | readonly string[]
  | Int32Array
  | Float32Array;

function valueBytes(value: Value): Part {
  if (typeof value === 'string') return concat([u32(8), text(value)]);
  if (value instanceof Int32Array || value instanceof Float32Array) {
    return concat([
      u32(9),
      u32(value instanceof Int32Array ? 5 : 6),
      u64(value.length),
      new Uint8Array(value.slice().buffer),
    ]);
  }
  if (Array.isArray(value)) return concat([u32(9), u32(8), u64(value.length), ...(value as string[]).map(text)]);
  if ('u32' in value) return concat([u32(4), u32(value.u32)]);
  if ('f32' in value) return concat([u32(6), f32(value.f32)]);
  if ('u64' in value) return concat([u32(10), u64(value.u64)]);
  if ('bool' in value) return concat([u32(7), Uint8Array.of(value.bool ? 1 : 0)]);
  throw new TypeError('no such value');
}

export interface TensorSpec {
  readonly name: string;
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly type?: number;
  readonly offset: number;
}

export interface FileSpec {
  readonly version?: number;
  readonly metadata?: readonly (readonly [string, Value])[];
  readonly tensors?: readonly TensorSpec[];
  readonly dataBytes?: number;
  readonly tensorCount?: number | bigint;
  readonly keyCount?: number | bigint;
}

/** A GGUF file as the format has it, unless the spec lies. */
export function ggufBytes(spec: FileSpec): Uint8Array<ArrayBuffer> {
  const { metadata = [], tensors = [], version = 3, dataBytes = 0 } = spec;
  const header = concat([
    new TextEncoder().encode('GGUF'),
    u32(version),
    u64(spec.tensorCount ?? tensors.length),
    u64(spec.keyCount ?? metadata.length),
    ...metadata.flatMap(([key, value]) => [text(key), valueBytes(value)]),
    ...tensors.flatMap(({ name, shape, type = 0, offset }) => [
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(type),
      u64(offset),
    ]),
  ]);
  const out = new Uint8Array(Math.ceil(header.length / 32) * 32 + dataBytes);
  out.set(header);
  return out;
}
