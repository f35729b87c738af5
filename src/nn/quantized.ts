import type { QuantizedType } from '../ir/ops/dequantize.ts';
import { assertQuantizable } from '../runtime/quantizedWeights.ts';
import type { Model } from './model.ts';

/**
 * A model whose linear layers' weights are held in few bits, and if asked for its embeddings and its output head, one table where they
 * are tied; norms and biases stay as they are. RangeError naming a weight that does not fill whole blocks.
 */
export function quantizedModel<M extends Model & { readonly head?: string }>(
  model: M,
  quantized: QuantizedType,
  embeddings = false,
): M {
  const tables = embeddings ? [...model.embeddings.map(({ name }) => `${name}.weight`), model.head] : [];
  const weights = new Set([...model.linears.map(({ name }) => `${name}.weight`), ...tables]);
  const parameters = model.parameters.map((spec) => {
    if (!weights.has(spec.name)) return spec;
    assertQuantizable(spec.name, spec.shape);
    return { ...spec, quantized };
  });
  return { ...model, parameters };
}
