import { type DType, type Shape, sizeOf, type TensorType } from '../../ir/types.ts';

/** Where values lie: in the arena of a run, in memory that the caller hands in, or in the plan itself. */
export type Storage =
  | { readonly kind: 'arena'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'leaf'; readonly id: number; readonly leaf: number }
  | { readonly kind: 'constant'; readonly id: number; readonly dtype: DType; readonly values: ArrayLike<number> };

/** A value of the plan: a dense array that begins somewhere in a storage. Several may share one. */
export interface Ref {
  readonly id: number;
  readonly type: TensorType;
  readonly storage: Storage;
  /** Bytes from the storage's start. */
  readonly offset: number;
  /** One element that stands for all of them. */
  readonly uniform: boolean;
  /** Of a weight that codes and scales stand for: kernels that take those need no memory of it. */
  readonly quantized?: { readonly codes: Ref; readonly scales: Ref; readonly bits: number };
  /** What must have been computed before this is read, beside the storage itself. */
  readonly after: readonly Storage[];
}

export const elementBytes = (dtype: DType): number => (dtype === 'bool' || dtype === 'u8' ? 1 : 4);

export const bytesOfRef = ({ type }: Ref): number => sizeOf(type.shape) * elementBytes(type.dtype);

/** The dtype's number in calls. */
export const dtypeNumber = (dtype: DType): number => (dtype === 'f32' ? 0 : dtype === 'i32' ? 1 : 2);

/** The single element of a uniform constant; undefined where the value is not known while compiling. */
export function immediateOf({ uniform, storage, offset, type }: Ref): number | undefined {
  if (storage.kind !== 'constant' || !(uniform || sizeOf(type.shape) === 1)) return undefined;
  return storage.values[uniform ? 0 : offset / elementBytes(storage.dtype)];
}

/** Sizes without axes of 1. */
export const squeezed = (shape: Shape): number[] => shape.filter((dim) => dim !== 1);
