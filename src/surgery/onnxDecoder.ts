import { graphEmitter } from '../runtime/onnx/emitter.ts';
import type { OnnxModel, OnnxTensor } from '../runtime/onnx/encode.ts';
import { onnxTypeCode } from '../runtime/onnx/dtypes.ts';
import { blockElementsOf } from '../runtime/storage.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import type { PlainDecoder } from '../hub/plainDecoder.ts';
import { blockInitializers, f16Initializer, f32Initializer } from './onnxWeights.ts';

/** How weights are stored in an exported ONNX model; computation is in f32. */
export const onnxDtypes = ['fp32', 'fp16', 'q8', 'q4'] as const;
export type OnnxDtype = (typeof onnxDtypes)[number];

/** Writes a decoder with named axes: batch, sequence, past and total length are only known when it runs. */
function decoderEmitter(tensors: ReadonlyMap<string, TensorSource>, dtype: OnnxDtype) {
  const emit = graphEmitter();
  const initializers = new Map<string, OnnxTensor>();
  const axes = (...positions: number[]): string => emit.ints(positions);
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

  return {
    emit,
    initializers,
    /** A vector in f32. */
    vector: async (name: string): Promise<string> => keep(await f32Initializer(source(name))),
    /** Rows of a table [V, D] by ids. */
    rows: async (name: string, ids: string): Promise<string> => {
      if (dtype === 'fp32') return emit.node('Gather', [keep(await f32Initializer(source(name))), ids]);
      return widened(emit.node('Gather', [keep(await f16Initializer(source(name), `${name} f16`)), ids]));
    },
    /** y [N, out] = x [N, in] Wᵀ + b; the head is kept in no less than 8 bits. */
    linear: async (x: string, name: string, bias: string | null = null, isHead = false): Promise<string> => {
      const { shape } = source(name);
      const [out = 1, width = 1] = shape;
      const blocks = { fp32: undefined, fp16: undefined, q8: 'q8_0', q4: isHead ? 'q8_0' : 'q4_0' } as const;
      const storage = blocks[dtype];
      if (storage === undefined || width % blockElementsOf(storage) !== 0)
        return emit.node('Gemm', [x, await narrow(name), ...(bias === null ? [] : [bias])], { transB: { int: 1 } });
      const { weight, scales } = await blockInitializers(source(name), storage);
      const attrs = {
        K: { int: width },
        N: { int: out },
        bits: { int: storage === 'q8_0' ? 8 : 4 },
        block_size: { int: blockElementsOf(storage) },
      };
      const y = emit.node('MatMulNBits', [x, keep(weight), keep(scales)], attrs, { domain: 'com.microsoft' });
      return bias === null ? y : emit.node('Add', [y, bias]);
    },
    /** x / √(mean x² + ε) · w over the last axis. */
    rmsNorm: (x: string, weight: string, eps: number): string => {
      const mean = emit.node('ReduceMean', [emit.node('Mul', [x, x]), axes(-1)], { keepdims: { int: 1 } });
      const root = emit.node('Sqrt', [emit.node('Add', [mean, emit.scalar(eps)])]);
      return emit.node('Mul', [emit.node('Div', [x, root]), weight]);
    },
    reshape: (x: string, ...shape: string[]): string =>
      emit.node('Reshape', [
        x,
        shape.length === 1 ? (shape[0] ?? '') : emit.node('Concat', shape, { axis: { int: 0 } }),
      ]),
    transpose: (x: string, ...perm: number[]): string => emit.node('Transpose', [x], { perm: { ints: perm } }),
    slice: (x: string, from: number, to: number): string =>
      emit.node('Slice', [x, emit.ints([from]), emit.ints([to]), axes(-1)]),
  };
}

type Decoder = ReturnType<typeof decoderEmitter>;

interface Positions {
  /** i64 vectors of one element. */
  readonly batch: string;
  readonly sequence: string;
  readonly total: string;
  /** 0 where a key may be seen, else a large negative number: [B, 1, T, S]; by the layer's window. */
  readonly mask: (window: number | null) => string;
  /** [B, 1, T, width / 2] */
  readonly cos: string;
  readonly sin: string;
}

function positionsOf({ emit }: Decoder, { rope }: PlainDecoder): Positions {
  const sizeAt = (x: string, axis: number): string =>
    emit.node('Shape', [x], { start: { int: axis }, end: { int: axis + 1 } });
  const [batch, sequence] = [sizeAt('input_ids', 0), sizeAt('input_ids', 1)];
  const total = sizeAt('attention_mask', 1);
  const scalar = (x: string): string => emit.node('Squeeze', [x, emit.ints([0])]);
  const zero = emit.constant('i64 zero', 'i64', [], () => [0]);
  const one = emit.constant('i64 one', 'i64', [], () => [1]);
  const past = emit.node('Sub', [total, sequence]);
  // Keys are in the order of the cache: a query sees those up to its own place, and no padding.
  const keys = emit.node('Range', [zero, scalar(total), one]);
  const queries = emit.node('Range', [scalar(past), scalar(total), one]);
  const rows = emit.node('Unsqueeze', [queries, emit.ints([1])]);
  const before = emit.node('LessOrEqual', [keys, rows]);
  const present = emit.node('Unsqueeze', [emit.cast('attention_mask', 'bool'), emit.ints([1, 2])]);
  const maskOf = (visible: string): string => {
    const seen = emit.node('And', [emit.node('Unsqueeze', [visible, emit.ints([0, 1])]), present]);
    return emit.node('Where', [seen, emit.scalar(0), emit.scalar(-3e38)]);
  };
  const masks = new Map<number | null, string>();
  const mask = (window: number | null): string => {
    const known = masks.get(window);
    if (known !== undefined) return known;
    const size = window === null ? '' : emit.constant(`i64 window ${window}`, 'i64', [], () => [window]);
    // Keys nearer than the window, the query's own among them.
    const near = (): string => emit.node('Greater', [keys, emit.node('Sub', [rows, size])]);
    const made = maskOf(window === null ? before : emit.node('And', [before, near()]));
    masks.set(window, made);
    return made;
  };
  const frequencies = emit.constant(
    'frequencies',
    'f32',
    [rope.inverseFrequencies.length],
    () => rope.inverseFrequencies,
  );
  const angles = emit.node('Mul', [
    emit.node('Unsqueeze', [emit.cast('position_ids', 'f32'), emit.ints([1, 3])]),
    frequencies,
  ]);
  const scaled = (wave: 'Cos' | 'Sin'): string =>
    rope.attentionFactor === 1
      ? emit.node(wave, [angles])
      : emit.node('Mul', [emit.node(wave, [angles]), emit.scalar(rope.attentionFactor)]);
  return { batch, sequence, total, mask, cos: scaled('Cos'), sin: scaled('Sin') };
}

/** The two halves of each head rotated: (x₁ cos - x₂ sin, x₂ cos + x₁ sin). */
function rotated({ emit, slice }: Decoder, x: string, width: number, { cos, sin }: Positions): string {
  const [first, second] = [slice(x, 0, width / 2), slice(x, width / 2, width)];
  const mul = (a: string, b: string): string => emit.node('Mul', [a, b]);
  const halves = [
    emit.node('Sub', [mul(first, cos), mul(second, sin)]),
    emit.node('Add', [mul(second, cos), mul(first, sin)]),
  ];
  return emit.node('Concat', halves, { axis: { int: -1 } });
}

async function attention(
  decoder: Decoder,
  config: PlainDecoder,
  layer: number,
  x: string,
  positions: Positions,
): Promise<{ readonly out: string; readonly keys: string; readonly values: string }> {
  const { emit, vector, linear, reshape, transpose } = decoder;
  const { heads, kvHeads, headWidth } = config;
  const prefix = `model.layers.${layer}.self_attn`;
  const project = async (name: string): Promise<string> =>
    linear(x, `${prefix}.${name}.weight`, config.biases.qkv ? await vector(`${prefix}.${name}.bias`) : null);
  const split = (y: string, count: number): string =>
    transpose(reshape(y, positions.batch, positions.sequence, emit.ints([count, headWidth])), 0, 2, 1, 3);
  const turned = async (name: string, count: number): Promise<string> => {
    const y = split(await project(`${name}_proj`), count);
    const weight = config.qkNorm ? await vector(`${prefix}.${name}_norm.weight`) : undefined;
    const normed = weight === undefined ? y : decoder.rmsNorm(y, weight, config.rmsNormEps);
    return rotated(decoder, normed, headWidth, positions);
  };
  const [q, k] = [await turned('q', heads), await turned('k', kvHeads)];
  const appended = (name: string, y: string): string =>
    emit.node('Concat', [`past_key_values.${layer}.${name}`, y], { axis: { int: 2 } });
  const keys = appended('key', k);
  const values = appended('value', split(await project('v_proj'), kvHeads));
  // Heads that share keys lie together as rows of one product.
  const grouped = (y: string): string => (heads === kvHeads ? y : reshape(y, emit.ints([0, kvHeads, -1, headWidth])));
  const scaledQ = emit.node('Mul', [grouped(q), emit.scalar(headWidth ** -0.5)]);
  const scores = emit.node('MatMul', [scaledQ, transpose(keys, 0, 1, 3, 2)]);
  const shape = [positions.batch, emit.ints([heads]), positions.sequence, positions.total];
  const masked = emit.node('Add', [reshape(scores, ...shape), positions.mask(config.windows[layer] ?? null)]);
  const weights = emit.node('Softmax', [masked], { axis: { int: -1 } });
  const groups = [positions.batch, emit.ints([kvHeads, -1]), positions.total];
  const mixed = emit.node('MatMul', [heads === kvHeads ? weights : reshape(weights, ...groups), values]);
  const perHead = reshape(mixed, positions.batch, emit.ints([heads]), positions.sequence, emit.ints([headWidth]));
  const flat = reshape(transpose(perHead, 0, 2, 1, 3), emit.ints([-1, heads * headWidth]));
  const bias = config.biases.output ? await vector(`${prefix}.o_proj.bias`) : null;
  return { out: await linear(flat, `${prefix}.o_proj.weight`, bias), keys, values };
}

async function mlp({ emit, vector, linear }: Decoder, config: PlainDecoder, layer: number, x: string): Promise<string> {
  const prefix = `model.layers.${layer}.mlp`;
  const project = async (name: string, y: string): Promise<string> =>
    linear(y, `${prefix}.${name}.weight`, config.biases.mlp ? await vector(`${prefix}.${name}.bias`) : null);
  const gate = await project('gate_proj', x);
  const activated = emit.node('Mul', [gate, emit.node('Sigmoid', [gate])]);
  return project('down_proj', emit.node('Mul', [activated, await project('up_proj', x)]));
}

/**
 * A decoder as an ONNX graph of the kind that transformers.js and optimum know: input_ids, attention_mask, position_ids [B, T]
 * and the caches in, logits [B, T, V] and the longer caches out. Throws TypeError for an activation other than silu.
 */
export async function onnxOfDecoder(
  config: PlainDecoder,
  tensors: ReadonlyMap<string, TensorSource>,
  dtype: OnnxDtype,
): Promise<OnnxModel> {
  if (config.activation !== 'silu') throw new TypeError(`config.json: hidden_act ${config.activation} is not exported`);
  if (2 * config.rope.inverseFrequencies.length !== config.headWidth)
    throw new TypeError('config.json: partial_rotary_factor is not exported');
  const decoder = decoderEmitter(tensors, dtype);
  const { emit, vector, linear, rmsNorm, reshape } = decoder;
  const positions = positionsOf(decoder, config);
  const table = 'model.embed_tokens.weight';
  const norm = async (x: string, name: string): Promise<string> =>
    rmsNorm(x, await vector(`${name}.weight`), config.rmsNormEps);
  let x = reshape(await decoder.rows(table, 'input_ids'), emit.ints([-1, config.hiddenSize]));
  const present: (readonly [string, string])[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const attended = await attention(decoder, config, layer, await norm(x, `${prefix}.input_layernorm`), positions);
    present.push([`present.${layer}.key`, attended.keys], [`present.${layer}.value`, attended.values]);
    x = emit.node('Add', [x, attended.out]);
    x = emit.node('Add', [x, await mlp(decoder, config, layer, await norm(x, `${prefix}.post_attention_layernorm`))]);
  }
  const logits = await linear(await norm(x, 'model.norm'), config.tied ? table : 'lm_head.weight', null, true);
  const outputs = new Map([
    ['logits', reshape(logits, positions.batch, positions.sequence, emit.ints([config.vocabSize]))],
    ...present,
  ]);
  const cache = (length: string): readonly (number | string)[] => ['batch', config.kvHeads, length, config.headWidth];
  const caches = Array.from({ length: config.layers }, (_, layer) =>
    ['key', 'value'].map((part) => ({
      name: `past_key_values.${layer}.${part}`,
      dtype: 'f32' as const,
      shape: cache('past'),
    })),
  ).flat();
  return {
    inputs: [
      { name: 'input_ids', dtype: 'i64', shape: ['batch', 'sequence'] },
      { name: 'attention_mask', dtype: 'i64', shape: ['batch', 'total'] },
      { name: 'position_ids', dtype: 'i64', shape: ['batch', 'sequence'] },
      ...caches,
    ],
    outputs: [
      { name: 'logits', dtype: 'f32', shape: ['batch', 'sequence', config.vocabSize] },
      ...present.map(([name]) => ({ name, dtype: 'f32' as const, shape: cache('total') })),
    ],
    nodes: [
      ...emit.emitted,
      ...[...outputs].map(([name, value]) => ({ opType: 'Identity', inputs: [value], outputs: [name] })),
    ],
    initializers: [...emit.constants.values(), ...decoder.initializers.values()],
  };
}
