import type { Checkpoint } from '../hub/checkpoint.ts';
import { joinPath, makeFolder, writeFileAtomic } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import { writeCheckpointFiles } from '../hub/writeCheckpoint.ts';
import { parseLlamaConfig } from '../nn/models/llama.ts';
import { encodeOnnx, type OnnxModel } from '../runtime/onnx/encode.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { type OnnxDtype, onnxOfLlama } from './onnxDecoder.ts';

/** What transformers.js appends to a model file's name for each dtype. */
const suffixes: Readonly<Record<OnnxDtype, string>> = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4' };

/** Path of the model inside an exported folder. */
export const onnxFile = (dtype: OnnxDtype): string => `onnx/model${suffixes[dtype]}.onnx`;

type OnnxArchitecture = (
  json: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorSource>,
  dtype: OnnxDtype,
) => Promise<OnnxModel>;

/** Architectures by the hub's model_type. */
const architectures: Readonly<Record<string, OnnxArchitecture>> = {
  llama: (json, tensors, dtype) => onnxOfLlama(parseLlamaConfig(json), tensors, dtype),
};

/** transformers.js looks for the chat template in tokenizer_config.json alone. */
function withTemplateInside({ tokenizer }: Checkpoint): Pick<Checkpoint, 'tokenizer'> {
  if (tokenizer?.chatTemplate === undefined) return {};
  const settings = isRecord(tokenizer.tokenizerConfig) ? tokenizer.tokenizerConfig : {};
  return { tokenizer: { ...tokenizer, tokenizerConfig: { ...settings, chat_template: tokenizer.chatTemplate } } };
}

/**
 * Writes a checkpoint as a folder that transformers.js loads: the model as onnx/model….onnx, config, tokenizer, chat
 * template. TypeError, naming it, for an architecture or option that has no export, RangeError for a model of 2 GiB.
 */
export async function exportOnnx(checkpoint: Checkpoint, folder: string, dtype: OnnxDtype): Promise<void> {
  const { config, path, tensors } = checkpoint;
  const type = String(config['model_type']);
  const model = Object.hasOwn(architectures, type) ? await architectures[type]?.(config, tensors, dtype) : undefined;
  if (model === undefined) {
    const known = Object.keys(architectures).join(', ');
    throw new TypeError(`${path}: expected model_type ${known} for ONNX but found ${type}`);
  }
  await makeFolder(joinPath(folder, 'onnx'));
  await writeFileAtomic(joinPath(folder, onnxFile(dtype)), encodeOnnx(model));
  await writeCheckpointFiles(folder, { ...checkpoint, ...withTemplateInside(checkpoint) });
}
