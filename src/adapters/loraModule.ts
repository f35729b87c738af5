import type { LoraInit } from '../hub/peft-config.ts';
import type { AdapterParameter, InitialContext } from './adapter.ts';

/** A module that LoRA adapts, and how. */
export interface LoraModule {
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** The base's weight is stored as [in, out]. */
  readonly transposed: boolean;
  readonly rank: number;
  /** α/r or α/√r */
  readonly scale: number;
  readonly dropout: number;
  readonly init: LoraInit;
  readonly useDora: boolean;
  readonly loraBias: boolean;
}

export const zeros = async (values: Float32Array): Promise<void> => void values.fill(0);

/** N(0, deviation²). */
export async function normals(values: Float32Array, { key, random }: InitialContext, deviation: number): Promise<void> {
  await random.fillNormal(values, key);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) * deviation;
}

/** U(-1/√in, 1/√in): kaiming_uniform with a = √5, as torch's default has it. */
async function uniforms(values: Float32Array, { key, random }: InitialContext, inFeatures: number): Promise<void> {
  await random.fillUniform(values, key);
  const bound = 1 / Math.sqrt(inFeatures);
  for (let i = 0; i < values.length; i++) values[i] = ((values[i] ?? 0) * 2 - 1) * bound;
}

/** Names of a module's tensors, as PEFT's files have them after `base_model.model.`. */
export const loraNames = (
  module: string,
): { readonly a: string; readonly b: string; readonly bias: string; readonly magnitude: string } => ({
  a: `${module}.lora_A.weight`,
  b: `${module}.lora_B.weight`,
  bias: `${module}.lora_B.bias`,
  magnitude: `${module}.lora_magnitude_vector`,
});

/** A and B of a linear module, which may start as `initial` says, and the bias of B where it has one. */
export function factorParameters(
  module: LoraModule,
  initial?: Record<'a' | 'b', AdapterParameter['initialize']>,
): AdapterParameter[] {
  const { name, inFeatures, outFeatures, rank, init, loraBias } = module;
  const { a, b, bias } = loraNames(name);
  const initializeA = (values: Float32Array, context: InitialContext): Promise<void> =>
    init === 'gaussian' ? normals(values, context, 1 / rank) : uniforms(values, context, inFeatures);
  // Without an initialisation PEFT leaves torch's own: B is drawn like A.
  const initializeB = (values: Float32Array, context: InitialContext): Promise<void> =>
    init === false ? uniforms(values, context, rank) : zeros(values);
  return [
    { name: a, shape: [rank, inFeatures], decays: true, initialize: initial?.a ?? initializeA },
    { name: b, shape: [outFeatures, rank], decays: true, initialize: initial?.b ?? initializeB },
    ...(loraBias ? [{ name: bias, shape: [outFeatures], decays: false, initialize: zeros }] : []),
  ];
}
