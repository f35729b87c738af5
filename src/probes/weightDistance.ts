import { z } from 'zod';
import type { MergedWeights } from '../adapters/mergedWeights.ts';
import { sizeOf } from '../ir/types.ts';
import { f32Pieces, type TensorSource } from '../runtime/tensor-source.ts';
import { defineProbe, type Measurement, type ProbeServices } from './probe.ts';

/** The layer that a tensor is of: layers.3 of model.layers.3.mlp.up_proj.weight; what is of none goes by its own name. */
const layerOf = (name: string): string => /\w+\.\d+(?=\.)/.exec(name)?.[0] ?? name;

/** Values of two tensors side by side, in pieces of one length. */
async function* sideBySide(
  from: TensorSource,
  to: TensorSource,
): AsyncGenerator<readonly [Float32Array, Float32Array]> {
  const [ours, theirs] = [f32Pieces(from), f32Pieces(to)];
  const next = async (reader: AsyncGenerator<Float32Array, void>): Promise<Float32Array> =>
    (await reader.next()).value ?? new Float32Array();
  try {
    let [left, right]: [Float32Array, Float32Array] = [new Float32Array(), new Float32Array()];
    for (;;) {
      if (left.length === 0) left = await next(ours);
      if (right.length === 0) right = await next(theirs);
      const count = Math.min(left.length, right.length);
      if (count === 0) return;
      yield [left.subarray(0, count), right.subarray(0, count)];
      [left, right] = [left.subarray(count), right.subarray(count)];
    }
  } finally {
    for (const reader of [ours, theirs]) await reader.return(undefined);
  }
}

/** Σ w² and Σ (w' - w)². */
async function squares(from: TensorSource, to: TensorSource | undefined): Promise<{ norm: number; moved: number }> {
  let [norm, moved] = [0, 0];
  if (to === undefined) {
    for await (const values of f32Pieces(from)) for (let i = 0; i < values.length; i++) norm += (values[i] ?? 0) ** 2;
    return { norm, moved };
  }
  for await (const [values, others] of sideBySide(from, to)) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      norm += value * value;
      moved += ((others[i] ?? 0) - value) ** 2;
    }
  }
  return { norm, moved };
}

/** ‖W - W⁰‖ / ‖W⁰‖ (Frobenius) over all tensors and over those of each layer. */
export async function weightDistances(
  { before, after }: { readonly before: MergedWeights; readonly after: MergedWeights },
  { onProgress, signal }: Pick<ProbeServices, 'onProgress' | 'signal'> = {},
): Promise<Measurement> {
  const own = new Map(before.tensors.map(({ source }) => [source.name, source]));
  const layers = new Map<string, { moved: number; norm: number }>();
  let done = 0;
  for (const { source, base, changed } of after.tensors) {
    signal?.throwIfAborted();
    const from = own.get(source.name) ?? own.get(base.name);
    if (!from) throw new RangeError(`${before.checkpoint.path}: expected ${source.name} but found none`);
    if (sizeOf(source.shape) !== sizeOf(from.shape))
      throw new RangeError(`Expected ${sizeOf(from.shape)} values in ${source.name} but found ${sizeOf(source.shape)}`);
    const differs = changed || after.checkpoint.path !== before.checkpoint.path;
    const found = await squares(from, differs ? source : undefined);
    const layer = layers.get(layerOf(source.name)) ?? { moved: 0, norm: 0 };
    layer.norm += found.norm;
    layer.moved += found.moved;
    layers.set(layerOf(source.name), layer);
    onProgress?.(++done, after.tensors.length);
  }
  const distance = ({ moved, norm }: { moved: number; norm: number }): number =>
    moved === 0 ? 0 : Math.sqrt(moved / norm);
  const places: Record<string, Measurement['places'][string]> = {};
  const all = { moved: 0, norm: 0 };
  for (const [name, layer] of layers) {
    places[name] = { distance: distance(layer) };
    all.moved += layer.moved;
    all.norm += layer.norm;
  }
  return { value: distance(all), places };
}

/** How far weights moved, layer by layer. */
export const weightDistance = defineProbe({
  type: 'weight-distance',
  about: 'How far the weights of each layer moved, as a share of their norm.',
  unit: '‖W - W⁰‖ / ‖W⁰‖, Frobenius',
  direction: 'lower is closer',
  cost: 'Both models are read once',
  noise: 'None: summed in f64',
  zero: 0,
  schema: z.strictObject({}),
  measure: (pair, _options, services) => weightDistances(pair, services),
});
