import type { TensorSource } from '../runtime/tensor-source.ts';
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
