import type { Checkpoint } from '../hub/checkpoint.ts';
import { joinPath, makeFolder, writeFileAtomic } from '../hub/files.ts';
import { isRecord } from '../hub/json.ts';
import { loadTokenizer } from '../hub/tokenizer.ts';
import { writeCheckpointFiles } from '../hub/writeCheckpoint.ts';
import { plainDecoder, plainDecoders } from '../hub/plainDecoder.ts';
import { anyModel, languageModel, modelKind } from '../nn/models/index.ts';
import { parseGpt2Config } from '../nn/models/gpt2.ts';
import { ownTensors } from '../nn/ownNames.ts';
import { encodeOnnx, type OnnxModel } from '../runtime/onnx/encode.ts';
import { derivedCard, type Origin } from './derivedCard.ts';
import { onnxOfDecoder } from './onnxDecoder.ts';
import { onnxOfEncoder, plainEncoder, plainEncoders } from './onnxEncoder.ts';
import { onnxOfGpt2 } from './onnxGpt2.ts';
import type { OnnxDtype } from './onnxWriter.ts';

/** What transformers.js appends to a model file's name for each dtype. */
const suffixes: Readonly<Record<OnnxDtype, string>> = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4' };

/** Path of the model inside an exported folder. */
export const onnxFile = (dtype: OnnxDtype): string => `onnx/model${suffixes[dtype]}.onnx`;

/** transformers.js looks in tokenizer_config.json alone for the chat template, and for whether a text begins or ends with a special token. */
function forTransformersJs({ tokenizer }: Checkpoint): Pick<Checkpoint, 'tokenizer'> {
  if (tokenizer === undefined) return {};
  const settings = isRecord(tokenizer.tokenizerConfig) ? tokenizer.tokenizerConfig : {};
  const { encode } = loadTokenizer(tokenizer);
  const [whole, plain] = [encode('a'), encode('a', { addSpecialTokens: false })];
  const tokenizerConfig = {
    ...settings,
    ...(whole[0] === plain[0] ? {} : { add_bos_token: true }),
    ...(whole.at(-1) === plain.at(-1) ? {} : { add_eos_token: true }),
    ...(tokenizer.chatTemplate === undefined ? {} : { chat_template: tokenizer.chatTemplate }),
  };
  return { tokenizer: { ...tokenizer, tokenizerConfig } };
}

/** How the graph of a checkpoint is made; throws as `exportOnnx` does on an architecture. */
export function onnxPlan({ config, path, tensors }: Checkpoint): (dtype: OnnxDtype) => Promise<OnnxModel> {
  const type = String(config['model_type']);
  const [decoder, encoder] = [plainDecoder(config), plainEncoder(config)];
  if (encoder) {
    const own = ownTensors(tensors, anyModel(config));
    return (dtype) => onnxOfEncoder(encoder, own, dtype, modelKind(config) === 'classifier');
  }
  if (decoder === undefined && type !== 'gpt2') {
    const known = [...plainDecoders, 'gpt2', ...plainEncoders].join(', ');
    throw new TypeError(`${path}: expected model_type ${known} for ONNX but found ${type}`);
  }
  const own = ownTensors(tensors, languageModel(config));
  if (decoder) return (dtype) => onnxOfDecoder(decoder, own, dtype);
  return (dtype) => onnxOfGpt2(parseGpt2Config(config), own, dtype);
}

/**
 * Writes a checkpoint as a folder that transformers.js loads: the model as onnx/model….onnx, config, tokenizer, chat
 * template, and a card that names what it was made of. TypeError, naming it, for an architecture or option that has no export, RangeError for a model of 2 GiB.
 */
export async function exportOnnx(
  checkpoint: Checkpoint,
  folder: string,
  dtype: OnnxDtype,
  origin: Origin = { model: checkpoint.path },
): Promise<void> {
  const model = await onnxPlan(checkpoint)(dtype);
  await makeFolder(joinPath(folder, 'onnx'));
  await writeFileAtomic(joinPath(folder, onnxFile(dtype)), encodeOnnx(model));
  const card = derivedCard(checkpoint, origin, dtype);
  await writeCheckpointFiles(folder, { ...checkpoint, ...forTransformersJs(checkpoint), card });
}
