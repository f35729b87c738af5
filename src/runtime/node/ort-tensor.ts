import koffi from 'koffi';
import type { OnnxArray, OnnxArrays, OnnxElementType } from '../onnx/dtypes.ts';
import {
  checkTensorBytes,
  elementCount,
  isOnnxArray,
  onnxElementBytes,
  onnxTypeCode,
  onnxView,
} from '../onnx/dtypes.ts';
import type { OrtFunctions, Pointer } from './ort-functions.ts';
import { created } from './ort-functions.ts';
import type { Lease } from './lease.ts';
import { lease } from './lease.ts';

/** A tensor over memory of this process: ONNX Runtime reads and writes `data` in place. */
export interface OrtTensor {
  readonly dtype: OnnxElementType;
  readonly shape: readonly number[];
  readonly data: OnnxArray;
  /** The OrtValue behind it. */
  readonly value: Lease;
  /** Frees the OrtValue; `data` stays. Runs under way finish first. */
  release(): void;
}

const ALIGNMENT = 64;

/** Zeroed memory for `count` elements that never moves, aligned to 64 bytes; `shared` makes it a SharedArrayBuffer. */
export function allocate<D extends OnnxElementType>(
  dtype: D,
  count: number,
  options: { readonly shared?: boolean } = {},
): OnnxArrays[D] {
  const bytes = elementCount([count]) * onnxElementBytes(dtype) + ALIGNMENT;
  const buffer = options.shared === true ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  const misaligned = Number(koffi.address(new Uint8Array(buffer)) % BigInt(ALIGNMENT));
  return onnxView(dtype, buffer, (ALIGNMENT - misaligned) % ALIGNMENT, count);
}

/** Wraps `data` without copying; RangeError when it does not hold `shape`, TypeError when its memory may move. */
export function createTensor(
  ort: OrtFunctions,
  cpu: Pointer,
  dtype: OnnxElementType,
  shape: readonly number[],
  data: OnnxArray,
): OrtTensor {
  checkTensorBytes('tensor', dtype, shape, data.byteLength);
  if (!isOnnxArray(dtype, data)) {
    throw new TypeError(`Expected the array type of ${dtype} but found ${data.constructor.name}`);
  }
  // Reading `buffer` also makes V8 move a small array off its heap for good.
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer ? buffer.resizable : buffer.growable) {
    throw new TypeError('Expected a tensor over memory of fixed length but found a resizable buffer');
  }
  const sizes = BigInt64Array.from(shape, BigInt);
  const pointer = created(ort, (out) =>
    ort.CreateTensorWithDataAsOrtValue(cpu, data, data.byteLength, sizes, shape.length, onnxTypeCode(dtype), out),
  );
  const value = lease('tensor', pointer, ort.ReleaseValue);
  return { dtype, shape: [...shape], data, value, release: () => value.release() };
}
