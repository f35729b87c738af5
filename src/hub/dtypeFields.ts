const names = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const;

/** A config.json's own dtype field, new or old, set to the storage type of its weights. */
export function dtypeFields(
  config: Readonly<Record<string, unknown>>,
  storage: keyof typeof names,
): Record<string, string> {
  return { ['torch_dtype' in config && !('dtype' in config) ? 'torch_dtype' : 'dtype']: names[storage] };
}
