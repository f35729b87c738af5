import { z } from 'zod';
import { type MergedWeights, readValues } from '../adapters/mergedWeights.ts';
import { defineProbe, type Measurement, type ProbeServices } from './probe.ts';

/** The layer that a tensor is of: layers.3 of model.layers.3.mlp.up_proj.weight; what is of none goes by its own name. */
const layerOf = (name: string): string => /\w+\.\d+(?=\.)/.exec(name)?.[0] ?? name;

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
    const values = await readValues(from);
    const differs = changed || after.checkpoint.path !== before.checkpoint.path;
    const others = differs ? await readValues(source) : values;
    if (others.length !== values.length)
      throw new RangeError(`Expected ${values.length} values in ${source.name} but found ${others.length}`);
    const layer = layers.get(layerOf(source.name)) ?? { moved: 0, norm: 0 };
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      layer.norm += value * value;
      if (differs) layer.moved += ((others[i] ?? 0) - value) ** 2;
    }
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
