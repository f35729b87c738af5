import { elementCountOf, type TensorSource } from '../runtime/tensor-source.ts';
import type { Model } from './model.ts';

/** Buffers that files hold beside weights. */
const buffers = /(?:^|\.)(?:rotary_emb\.inv_freq|position_ids|token_type_ids|attn\.(?:bias|masked_bias))$/;

/**
 * A model's own name for a tensor of a checkpoint: files of the bare model lack its prefix, old ones call a norm's weight
 * gamma and its bias beta; null for buffers.
 */
export function ownNames(
  prefix: string,
  outside: RegExp = /^(?:lm_head|score|classifier)\./,
): (stored: string) => string | null {
  return (stored) => {
    if (buffers.test(stored)) return null;
    const name = stored.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias');
    return name.startsWith(`${prefix}.`) || outside.test(name) ? name : `${prefix}.${name}`;
  };
}

/** A checkpoint's tensors by the model's own names for them, without buffers. */
export function ownTensors(
  tensors: ReadonlyMap<string, TensorSource>,
  model: Pick<Model, 'ownName'>,
): Map<string, TensorSource> {
  const own = new Map<string, TensorSource>();
  for (const source of tensors.values()) {
    const name = model.ownName(source.name);
    if (name !== null) own.set(name, name === source.name ? source : { ...source, name });
  }
  return own;
}

/** Reads the values of a checkpoint's tensors by the model's own names. RangeError on one that it does not hold. */
export function ownValues(
  tensors: ReadonlyMap<string, TensorSource>,
  model: Pick<Model, 'ownName'>,
): (name: string) => Promise<Float32Array> {
  const own = ownTensors(tensors, model);
  return async (name) => {
    const source = own.get(name);
    if (!source) throw new RangeError(`Expected tensor ${name} in the checkpoint but found none`);
    const values = new Float32Array(elementCountOf(source.shape));
    await source.readF32(values);
    return values;
  };
}
