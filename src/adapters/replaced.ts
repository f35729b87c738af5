import type { Shape } from '../ir/types.ts';
import type { AdapterPart } from './parts.ts';

/** A tensor of the base whose place a trained copy takes. */
export interface ReplacedTensor {
  /** The module and its tensor, such as model.norm and weight. */
  readonly module: string;
  readonly leaf: 'weight' | 'bias';
  /** Its name in PEFT's files. */
  readonly file: string;
  /** The base's tensor that the copy starts from. */
  readonly from: string;
  readonly shape: Shape;
  readonly decays: boolean;
}

/** Trained copies of tensors; the base's own stay, for others that share them and for a merge. */
export function replaceTensors(tensors: readonly ReplacedTensor[]): AdapterPart {
  const nameOf = ({ module, leaf }: ReplacedTensor): string => `${module}.modules_to_save.${leaf}`;
  return {
    parameters: tensors.map((tensor) => ({
      name: nameOf(tensor),
      file: tensor.file,
      shape: tensor.shape,
      decays: tensor.decays,
      initialize: async (values, { base }) => values.set(await base(tensor.from)),
    })),
    replaces: new Map(tensors.map((tensor) => [`${tensor.module}.${tensor.leaf}`, nameOf(tensor)])),
    merges: tensors.map((tensor) => ({
      name: `${tensor.module}.${tensor.leaf}`,
      from: tensor.from,
      apply: (values, param) => values.set(param(nameOf(tensor))),
    })),
  };
}
