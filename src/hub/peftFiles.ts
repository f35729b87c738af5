import { f32Source } from '../runtime/tensor-source.ts';
import { peftVersion } from './peft-config.ts';
import { safetensorsBytes } from './safetensors.ts';

/** One tensor of an adapter's file, by its name after `base_model.model.`. */
export interface PeftTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** An adapter as PEFT describes it. */
export interface PeftContents {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: Iterable<PeftTensor>;
  /** What kind of adapter it is, for the model card. */
  readonly summary: string;
}

export const configName = 'adapter_config.json';
export const tensorsName = 'adapter_model.safetensors';
export const prefix = 'base_model.model.';

/** The name that PEFT's file has for a tensor. */
export const peftTensorName = (name: string): string => `${prefix}${name}`;

function modelCard(config: Readonly<Record<string, unknown>>, summary: string): string {
  const named = config['base_model_name_or_path'];
  const base = typeof named === 'string' ? named : '';
  const type = config['peft_type'];
  const kind = typeof type === 'string' ? type.toLowerCase() : '';
  return `---
base_model: ${JSON.stringify(base)}
library_name: peft
pipeline_tag: ${config['task_type'] === 'SEQ_CLS' ? 'text-classification' : 'text-generation'}
tags:
- ${JSON.stringify(`base_model:adapter:${base}`)}
- ${kind}
- transformers
---

# ${kind === 'lora' ? 'LoRA' : kind} adapter${base === '' ? '' : ` of ${base}`}

${summary}. Load it with PEFT: \`PeftModel.from_pretrained(base, path)\`.

### Framework versions

- PEFT ${peftVersion}
`;
}

/** The files that PEFT writes, by name: adapter_config.json, adapter_model.safetensors, README.md. */
export function peftFiles({
  config,
  tensors,
  summary,
}: PeftContents): Record<string, string | AsyncIterable<Uint8Array>> {
  const sources = Array.from(tensors, ({ name, shape, values }) => f32Source(peftTensorName(name), shape, values));
  return {
    [configName]: JSON.stringify(config, null, 2),
    [tensorsName]: safetensorsBytes(sources),
    'README.md': modelCard(config, summary),
  };
}
