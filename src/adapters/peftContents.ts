import type { PeftContents, PeftTensor } from '../hub/peftFiles.ts';
import type { Adapter, AdapterParameter } from './adapter.ts';

/** The name of a parameter in an adapter's files, after PEFT's prefix. */
export const fileName = ({ name, file }: AdapterParameter): string => file ?? name;

/** An adapter as PEFT describes it, in f32; `exact` keeps its parameters as they are. TypeError on one that PEFT has not. */
export function peftContents(
  adapter: Adapter,
  values: (name: string) => Float32Array,
  base: string,
  { exact = false }: { readonly exact?: boolean } = {},
): PeftContents {
  const { peft } = adapter;
  if (!peft) throw new TypeError(`Expected an adapter that PEFT has but found ${adapter.type}`);
  const plain = (): PeftTensor[] =>
    adapter.parameters.map((parameter) => ({
      name: fileName(parameter),
      shape: parameter.shape,
      values: values(parameter.name),
    }));
  const converted = exact ? undefined : peft.convert?.(values);
  return {
    config: { ...(converted?.config ?? peft.config), base_model_name_or_path: base },
    tensors: converted?.tensors ?? plain(),
    summary: peft.summary,
  };
}
