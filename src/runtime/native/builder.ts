import { contentHash } from '../../ir/ops/constant.ts';
import { type DType, type Shape, sizeOf, type TensorType } from '../../ir/types.ts';
import { elementBytes, type Ref, type Storage } from './ref.ts';
import type { KernelStep, Step } from './step.ts';

/** A kernel's call before its outputs have places. */
export interface Call {
  readonly inputs: readonly (Ref | null)[];
  readonly outputs: readonly TensorType[];
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
  readonly optional?: readonly number[];
  readonly narrow?: readonly number[];
  readonly inPlace?: Readonly<Record<number, number>>;
}

/** What rules write to. Equal calls, operations and views are made once. */
export interface Builder {
  /** Says whose kernels come next. */
  origin(text: string): void;
  readonly steps: Step[];
  leaf(type: TensorType, index: number): Ref;
  constant(dtype: DType, shape: Shape, values: Float64Array): Ref;
  kernel(name: string, call: Call): readonly Ref[];
  elementwise(operation: string, inputs: readonly Ref[], type: TensorType): Ref;
  /** The same elements under another shape, from an element on. */
  view(ref: Ref, shape: Shape, start?: number): Ref;
  /** The same value, read only after another was computed. */
  after(ref: Ref, signal: Ref): Ref;
  /** Dense memory for a value that may be a single element standing for all. */
  dense(ref: Ref): Ref;
  /** The same value in another place: a storage like its own, unless one is given. */
  renewed(ref: Ref, storage?: Storage): Ref;
}

export function builder(): Builder {
  const steps: Step[] = [];
  const known = new Map<string, readonly Ref[]>();
  const constants = new Map<string, Storage>();
  let refs = 0;
  let storages = 0;
  let origin = '';
  const makeRef = (type: TensorType, storage: Storage, more: Partial<Ref> = {}): Ref => ({
    id: refs++,
    type,
    storage,
    offset: 0,
    uniform: false,
    after: [],
    ...more,
  });
  const arena = ({ dtype, shape }: TensorType): Storage => ({
    kind: 'arena',
    id: storages++,
    bytes: sizeOf(shape) * elementBytes(dtype),
  });
  const once = (key: string, make: () => readonly Ref[]): readonly Ref[] => {
    const found = known.get(key);
    if (found) return found;
    const made = make();
    known.set(key, made);
    return made;
  };
  const idsOf = (inputs: readonly (Ref | null)[]): string => inputs.map((input) => input?.id ?? '-').join();
  const first = ([ref]: readonly Ref[]): Ref => {
    if (!ref) throw new RangeError('Expected an output but found none');
    return ref;
  };

  const kernel: Builder['kernel'] = (name, call) => {
    const inputs = call.inputs.map((input) => input && dense(input));
    const { ints = [], floats = [], optional = [], narrow = [], inPlace = {} } = call;
    const types = call.outputs.map(({ dtype, shape }) => `${dtype}[${shape.join()}]`).join();
    return once(`${name}(${idsOf(inputs)})${ints.join()};${floats.join()}:${types}`, () => {
      const outputs = call.outputs.map((type) => makeRef(type, arena(type)));
      const step: KernelStep = {
        kind: 'kernel',
        kernel: name,
        origin,
        inputs,
        outputs,
        optional,
        narrow,
        inPlace,
        ints,
        floats,
      };
      steps.push(step);
      return outputs;
    });
  };
  const dense = (ref: Ref): Ref => {
    if (!ref.uniform || ref.storage.kind !== 'constant') return ref;
    const { dtype, shape } = ref.type;
    const value = ref.storage.values[0] ?? 0;
    const ints = [elementBytes(dtype), sizeOf(shape), dtype === 'f32' ? 0 : 1];
    return first(kernel('fill', { inputs: [], outputs: [ref.type], ints, floats: [value] }));
  };
  return {
    steps,
    origin: (text) => {
      origin = text;
    },
    leaf: (type, index) => makeRef(type, { kind: 'leaf', id: storages++, leaf: index }),
    constant: (dtype, shape, values) => {
      const uniform = values.length > 1 && values.every((value) => Object.is(value, values[0]));
      const kept = uniform ? values.subarray(0, 1) : values;
      const key = `${dtype}:${kept.length}:${kept.length > 16 ? contentHash(kept) : Array.from(kept, (v) => (Object.is(v, -0) ? '-0' : v)).join()}`;
      const storage = constants.get(key) ?? { kind: 'constant', id: storages++, dtype, values: kept };
      constants.set(key, storage);
      return first(
        once(`constant ${storage.id}:${dtype}[${shape.join()}]:${uniform}`, () => [
          makeRef({ dtype, shape }, storage, { uniform }),
        ]),
      );
    },
    kernel,
    elementwise: (operation, inputs, type) =>
      first(
        once(`${operation}(${idsOf(inputs)})${type.dtype}[${type.shape.join()}]`, () => {
          const output = makeRef(type, arena(type));
          steps.push({ kind: 'elementwise', operation, inputs, outputs: [output] });
          return [output];
        }),
      ),
    view: (ref, shape, start = 0) => {
      const offset = ref.offset + (ref.uniform ? 0 : start * elementBytes(ref.type.dtype));
      return first(
        once(`view ${ref.id}:${offset}[${shape.join()}]`, () => [
          makeRef({ dtype: ref.type.dtype, shape }, ref.storage, { offset, uniform: ref.uniform, after: ref.after }),
        ]),
      );
    },
    after: (ref, signal) =>
      makeRef(ref.type, ref.storage, {
        offset: ref.offset,
        uniform: ref.uniform,
        after: [...ref.after, ...signal.after, signal.storage],
      }),
    dense,
    renewed: (ref, storage) => ({ ...ref, id: refs++, storage: storage ?? { ...ref.storage, id: storages++ } }),
  };
}
