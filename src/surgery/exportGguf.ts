import type { Checkpoint } from '../hub/checkpoint.ts';
import { writeFileAtomic } from '../hub/files.ts';
import { type GgufField, ggufBytes } from '../hub/gguf-bytes.ts';
import { ggufDecoders, ggufOfDecoder } from '../hub/gguf-decoder.ts';
import { ggufTokenizerFields } from '../hub/gguf-write-tokenizer.ts';
import { isRecord } from '../hub/json.ts';
import { languageModel } from '../nn/models/index.ts';
import { blockElementsOf } from '../runtime/storage.ts';
import { castSource, type TensorSource } from '../runtime/tensor-source.ts';

/** Storage types of matrices in an exported GGUF, and what general.file_type calls them. */
const fileTypes = { f32: 0, f16: 1, bf16: 32, q8_0: 7, q4_0: 2 } as const;

export type GgufDtype = keyof typeof fileTypes;
export const ggufDtypes = Object.keys(fileTypes) as readonly GgufDtype[];

/**
 * How a tensor is stored: vectors in f32 as llama.cpp wants them, embedding and head in no less than 8 bits (they suffer
 * most from rounding), other matrices as asked, rows that are no whole blocks in f16.
 */
function storageOf({ name, shape }: TensorSource, dtype: GgufDtype): GgufDtype {
  if (shape.length < 2) return 'f32';
  const wanted = dtype === 'q4_0' && (name === 'token_embd.weight' || name === 'output.weight') ? 'q8_0' : dtype;
  return (shape.at(-1) ?? 1) % blockElementsOf(wanted) === 0 ? wanted : 'f16';
}

/** Defaults of sampling that a generation_config.json holds, by their GGUF keys. */
const samplingKeys: readonly (readonly [string, string, 'u32' | 'f32'])[] = [
  ['temperature', 'general.sampling.temp', 'f32'],
  ['top_k', 'general.sampling.top_k', 'u32'],
  ['top_p', 'general.sampling.top_p', 'f32'],
  ['min_p', 'general.sampling.min_p', 'f32'],
  ['repetition_penalty', 'general.sampling.penalty_repeat', 'f32'],
];

function samplingFields(generation: Readonly<Record<string, unknown>>): [string, GgufField][] {
  return samplingKeys.flatMap(([name, key, kind]): [string, GgufField][] => {
    const value = generation[name];
    if (typeof value !== 'number') return [];
    return [[key, kind === 'u32' ? { u32: value } : { f32: value }]];
  });
}

export interface GgufExport {
  /** Tensors whose rows are no whole blocks, kept in f16. */
  readonly kept: readonly string[];
}

/** What a GGUF of a checkpoint holds, read when it is written; throws as `exportGguf` does. */
export function ggufPlan(
  checkpoint: Checkpoint,
  { dtype, name }: { readonly dtype: GgufDtype; readonly name?: string },
): GgufExport & { readonly fields: Map<string, GgufField>; readonly sources: readonly TensorSource[] } {
  const { config, tokenizer } = checkpoint;
  const parts = ggufOfDecoder(config, checkpoint.tensors);
  if (parts === undefined) {
    throw new TypeError(
      `${checkpoint.path}: expected model_type ${ggufDecoders.join(', ')} for a GGUF but found ${String(config['model_type'])}`,
    );
  }
  if (tokenizer === undefined) throw new Error(`${checkpoint.path}: expected a tokenizer for a GGUF but found none`);
  const generation = isRecord(checkpoint.generationConfig) ? checkpoint.generationConfig : {};
  const eos = (generation['eos_token_id'] ?? config['eos_token_id']) as number | readonly number[] | null | undefined;
  const fields = new Map<string, GgufField>([
    ['general.architecture', { text: parts.architecture }],
    ['general.type', { text: 'model' }],
    ...(name === undefined ? [] : [['general.name', { text: name }] as const]),
    ...(checkpoint.license === undefined ? [] : [['general.license', { text: checkpoint.license }] as const]),
    ['general.file_type', { u32: fileTypes[dtype] }],
    ['general.quantization_version', { u32: 2 }],
    ...samplingFields(generation),
    ...parts.fields,
    ...ggufTokenizerFields(tokenizer, languageModel(config).vocabSize, eos),
  ]);
  const kept: string[] = [];
  const sources = parts.tensors.map((source) => {
    const storage = storageOf(source, dtype);
    if (storage === 'f16' && dtype !== 'f16') kept.push(source.name);
    return castSource(source, storage);
  });
  return { fields, sources, kept };
}

/**
 * Writes a checkpoint as a GGUF file that llama.cpp runs: weights in `dtype` (vectors in f32), tokenizer, chat templates,
 * stop tokens and sampling defaults. The file appears whole or not at all. TypeError, naming it, for an architecture,
 * option or tokenizer that GGUF has no place for.
 */
export async function exportGguf(
  checkpoint: Checkpoint,
  out: string,
  options: { readonly dtype: GgufDtype; readonly name?: string },
): Promise<GgufExport> {
  const { fields, sources, kept } = ggufPlan(checkpoint, options);
  await writeFileAtomic(out, ggufBytes(fields, sources));
  return { kept };
}
