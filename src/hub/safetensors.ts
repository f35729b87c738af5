import { bytesOf } from '../runtime/storage.ts';
import type { StorageType } from '../runtime/storage.ts';
import { elementCountOf } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { fileSources, readRange } from './byte-file.ts';
import type { ByteFile } from './byte-file.ts';
import { describe, duplicateKey, parseJson, recordOf } from './json.ts';

const storageOfDtype = new Map<string, StorageType>([
  ['F64', 'f64'],
  ['F32', 'f32'],
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ['I64', 'i64'],
  ['I32', 'i32'],
  ['I16', 'i16'],
  ['I8', 'i8'],
  ['U64', 'u64'],
  ['U32', 'u32'],
  ['U16', 'u16'],
  ['U8', 'u8'],
  ['BOOL', 'bool'],
]);

const dtypeOfStorage = new Map([...storageOfDtype].map(([dtype, storage]) => [storage, dtype]));

/** The format's own limit. */
const maxHeaderBytes = 100_000_000;

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly name: string;
  readonly storage: StorageType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function entryOf(file: string, name: string, value: unknown): Entry {
  const where = `${file}: tensor ${name}`;
  const record = recordOf(value, where);
  for (const key of Object.keys(record)) {
    if (key !== 'dtype' && key !== 'shape' && key !== 'data_offsets') {
      throw new SyntaxError(`${where}: expected dtype, shape and data_offsets but found ${describe(key)}`);
    }
  }
  const { dtype, shape, data_offsets: offsets } = record;
  const storage = typeof dtype === 'string' ? storageOfDtype.get(dtype) : undefined;
  if (storage === undefined) {
    throw new TypeError(
      `${where}: expected a dtype of ${[...storageOfDtype.keys()].join(', ')} but found ${describe(dtype)}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw new SyntaxError(`${where}: expected a shape of sizes but found ${describe(shape)}`);
  }
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isSize(begin) || !isSize(end) || end < begin) {
    throw new SyntaxError(`${where}: expected data_offsets [begin, end] but found ${describe(offsets)}`);
  }
  let expected: number;
  try {
    expected = bytesOf(storage, elementCountOf(shape));
  } catch (cause) {
    throw new RangeError(`${where}: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
  if (end - begin !== expected) {
    throw new RangeError(
      `${where}: expected ${expected} bytes for ${dtype as string} [${shape.join(', ')}] but found ${end - begin}`,
    );
  }
  return { name, storage, shape, begin, end };
}

function metadataOf(file: string, value: unknown): Record<string, string> {
  const record = recordOf(value, `${file}: __metadata__`);
  for (const [key, text] of Object.entries(record)) {
    if (typeof text !== 'string') {
      throw new SyntaxError(`${file}: __metadata__.${key}: expected a string but found ${describe(text)}`);
    }
  }
  return record as Record<string, string>;
}

/** The tensors must cover the data section: no hole, no overlap, nothing after the last. */
function checkCover(file: string, entries: readonly Entry[], dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      throw new RangeError(`${file}: expected tensor ${name} to begin at ${covered} of the data but found ${begin}`);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new RangeError(`${file}: expected ${covered} bytes of data, as the header says, but found ${dataBytes}`);
  }
}

async function readHeader(file: ByteFile): Promise<{ header: Record<string, unknown>; dataStart: number }> {
  const prefix = await readRange(file, 0, 8);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(file.size - 8) || length > BigInt(maxHeaderBytes)) {
    throw new RangeError(
      `${file.name}: expected a header within the file's ${file.size} bytes but found a length of ${length}`,
    );
  }
  const bytes = await readRange(file, 8, Number(length));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`${file.name}: expected a header in UTF-8`, { cause });
  }
  const header = recordOf(parseJson(text, `${file.name}: header`), `${file.name}: header`);
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw new SyntaxError(`${file.name}: header: expected each name once but found ${twice} twice`);
  return { header, dataStart: 8 + Number(length) };
}

/** Reads a safetensors header and checks all of it against the file; tensors are read when asked. SyntaxError, RangeError or TypeError (unknown dtype). */
export async function readSafetensors(file: ByteFile): Promise<Safetensors> {
  const { header, dataStart } = await readHeader(file);
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = metadataOf(file.name, value);
    else entries.push(entryOf(file.name, name, value));
  }
  checkCover(file.name, entries, file.size - dataStart);
  const tensors = new Map<string, TensorSource>();
  const sourceOf = fileSources(file);
  for (const { name, storage, shape, begin } of entries)
    tensors.set(name, sourceOf({ position: dataStart + begin, name, shape, storage }));
  return { tensors, metadata };
}

const elementBytes = (source: TensorSource): number => bytesOf(source.storage, 1);

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A safetensors file as a stream, laid out as the reference does: wider types first, then by name. TypeError for block types. */
export async function* safetensorsBytes(
  tensors: Iterable<TensorSource>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): AsyncGenerator<Uint8Array> {
  const sources = [...tensors];
  const names = new Set(['__metadata__']);
  for (const { name, storage } of sources) {
    if (!dtypeOfStorage.has(storage)) throw new TypeError(`Tensor ${name}: safetensors cannot hold ${storage}`);
    if (names.has(name)) throw new RangeError(`Expected each tensor once but found ${name} twice`);
    names.add(name);
  }
  sources.sort((a, b) => elementBytes(b) - elementBytes(a) || byName(a.name, b.name));
  let begin = 0;
  const parts = [`"__metadata__":${JSON.stringify(metadata)}`];
  for (const { name, shape, storage, byteLength } of sources) {
    const entry = { dtype: dtypeOfStorage.get(storage), shape, data_offsets: [begin, begin + byteLength] };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    begin += byteLength;
  }
  const text = new TextEncoder().encode(`{${parts.join(',')}}`);
  const padded = Math.ceil(text.byteLength / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  yield bytes;
  for (const source of sources) yield* source.chunks();
}
