import type { QuantizedType } from '../ir/ops/dequantize.ts';
import { assertQuantizable } from '../runtime/quantizedWeights.ts';
import type { Model } from './model.ts';

/** A model whose linear layers' weights are held in few bits; embeddings, head, norms and biases stay as they are. RangeError naming a weight that does not fill whole blocks. */
export function quantizedModel<M extends Model>(model: M, quantized: QuantizedType): M {
  const weights = new Set(model.linears.map(({ name }) => `${name}.weight`));
  const parameters = model.parameters.map((spec) => {
    if (!weights.has(spec.name)) return spec;
    assertQuantizable(spec.name, spec.shape);
    return { ...spec, quantized };
  });
  return { ...model, parameters };
}
