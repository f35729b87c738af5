import type { Activation } from '../nn/activations.ts';
import { graphEmitter } from '../runtime/onnx/emitter.ts';
import type { OnnxTensor } from '../runtime/onnx/encode.ts';
import { onnxTypeCode } from '../runtime/onnx/dtypes.ts';
import { blockElementsOf } from '../runtime/storage.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { blockInitializers, f16Initializer, f32Initializer } from './onnxWeights.ts';

/** How weights are stored in an exported ONNX model; computation is in f32. */
export const onnxDtypes = ['fp32', 'fp16', 'q8', 'q4'] as const;
export type OnnxDtype = (typeof onnxDtypes)[number];

/** Writes layers with weights of a checkpoint; axes are named, and known only when the model runs. */
export function onnxWriter(tensors: ReadonlyMap<string, TensorSource>, dtype: OnnxDtype) {
  const emit = graphEmitter();
  const initializers = new Map<string, OnnxTensor>();
  const source = (name: string): TensorSource => {
    const found = tensors.get(name);
    if (!found) throw new RangeError(`Expected tensor ${name} but the checkpoint has none`);
    return found;
  };
  const keep = (tensor: OnnxTensor): string => {
    initializers.set(tensor.name, tensor);
    return tensor.name;
  };
  const widened = (name: string): string => emit.node('Cast', [name], { to: { int: onnxTypeCode('f32') } });
  const narrow = async (name: string): Promise<string> => {
    if (dtype === 'fp32') return keep(await f32Initializer(source(name)));
    return widened(keep(await f16Initializer(source(name), `${name} f16`)));
  };
  /** A vector in f32. */
  const vector = async (name: string): Promise<string> => keep(await f32Initializer(source(name)));
  const mul = (a: string, b: string): string => emit.node('Mul', [a, b]);

  const activations: Readonly<Record<Activation, (x: string) => string>> = {
    silu: (x) => mul(x, emit.node('Sigmoid', [x])),
    swish: (x) => mul(x, emit.node('Sigmoid', [x])),
    gelu: (x) => emit.node('Gelu', [x]),
    gelu_pytorch_tanh: (x) => emit.node('Gelu', [x], { approximate: { string: 'tanh' } }),
    gelu_new: (x) => emit.node('Gelu', [x], { approximate: { string: 'tanh' } }),
    relu: (x) => emit.node('Relu', [x]),
    tanh: (x) => emit.node('Tanh', [x]),
  };

  return {
    emit,
    vector,
    mul,
    /** What the graph holds: weights and constants. */
    held: (): OnnxTensor[] => [...emit.constants.values(), ...initializers.values()],
    scaled: (x: string, factor: number): string => (factor === 1 ? x : mul(x, emit.scalar(factor))),
    activate: (activation: Activation, x: string): string => activations[activation](x),
    /** Rows of a table [V, D] by ids. */
    rows: async (name: string, ids: string): Promise<string> => {
      if (dtype === 'fp32') return emit.node('Gather', [keep(await f32Initializer(source(name))), ids]);
      return widened(emit.node('Gather', [keep(await f16Initializer(source(name), `${name} f16`)), ids]));
    },
    /** y [N, out] = x [N, in] Wᵀ + b of a module; a head is kept in no less than 8 bits. */
    linear: async (
      x: string,
      module: string,
      { biased = false, isHead = false }: { readonly biased?: boolean; readonly isHead?: boolean } = {},
    ): Promise<string> => {
      const name = `${module}.weight`;
      const bias = biased ? await vector(`${module}.bias`) : undefined;
      const [out = 1, width = 1] = source(name).shape;
      const blocks = { fp32: undefined, fp16: undefined, q8: 'q8_0', q4: isHead ? 'q8_0' : 'q4_0' } as const;
      const storage = blocks[dtype];
      if (storage === undefined || width % blockElementsOf(storage) !== 0)
        return emit.node('Gemm', [x, await narrow(name), ...(bias === undefined ? [] : [bias])], {
          transB: { int: 1 },
        });
      const { weight, scales } = await blockInitializers(source(name), storage);
      const attrs = {
        K: { int: width },
        N: { int: out },
        bits: { int: storage === 'q8_0' ? 8 : 4 },
        block_size: { int: blockElementsOf(storage) },
      };
      const y = emit.node('MatMulNBits', [x, keep(weight), keep(scales)], attrs, { domain: 'com.microsoft' });
      return bias === undefined ? y : emit.node('Add', [y, bias]);
    },
    /** x / √(mean x² + ε) · (w + offset) over the last axis. */
    rmsNorm: async (x: string, module: string, eps: number, offset: 0 | 1 = 0): Promise<string> => {
      const mean = emit.node('ReduceMean', [mul(x, x), emit.ints([-1])], { keepdims: { int: 1 } });
      const root = emit.node('Sqrt', [emit.node('Add', [mean, emit.scalar(eps)])]);
      const weight = await vector(`${module}.weight`);
      const factor = offset === 0 ? weight : emit.node('Add', [weight, emit.scalar(offset)]);
      return mul(emit.node('Div', [x, root]), factor);
    },
    /** (x - mean) / √(var + ε) · w + b over the last axis. */
    layerNorm: async (x: string, module: string, eps: number): Promise<string> =>
      emit.node('LayerNormalization', [x, await vector(`${module}.weight`), await vector(`${module}.bias`)], {
        axis: { int: -1 },
        epsilon: { float: eps },
      }),
    reshape: (x: string, ...shape: string[]): string =>
      emit.node('Reshape', [
        x,
        shape.length === 1 ? (shape[0] ?? '') : emit.node('Concat', shape, { axis: { int: 0 } }),
      ]),
    transpose: (x: string, ...perm: number[]): string => emit.node('Transpose', [x], { perm: { ints: perm } }),
    slice: (x: string, from: number, to: number): string =>
      emit.node('Slice', [x, emit.ints([from]), emit.ints([to]), emit.ints([-1])]),
    /** Size of an axis, as an i64 vector of one element. */
    sizeAt: (x: string, axis: number): string =>
      emit.node('Shape', [x], { start: { int: axis }, end: { int: axis + 1 } }),
  };
}

export type OnnxWriter = ReturnType<typeof onnxWriter>;
