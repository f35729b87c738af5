import type { PlainDecoder } from '../hub/plainDecoder.ts';
import type { OnnxModel } from '../runtime/onnx/encode.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import {
  cachedAttention,
  causalPlaces,
  decoderModel,
  type Places,
  type Present,
  type Rotation,
  rotation,
  splitHeads,
} from './onnxAttention.ts';
import { type OnnxDtype, type OnnxWriter, onnxWriter } from './onnxWriter.ts';

async function attentionOf(
  writer: OnnxWriter,
  places: Places,
  config: PlainDecoder,
  layer: number,
  x: string,
  rotate: Rotation,
): Promise<{ readonly out: string; readonly present: Present }> {
  const { heads, kvHeads, headWidth, biases, qkNorm, rmsNormEps, normOffset, scale, windows } = config;
  const module = `model.layers.${layer}.self_attn`;
  const project = async (part: string, count: number): Promise<string> => {
    const y = await writer.linear(x, `${module}.${part}_proj`, { biased: biases.qkv });
    return splitHeads(writer, places, y, count, headWidth);
  };
  const turned = async (part: string, count: number): Promise<string> => {
    const y = await project(part, count);
    return rotate(qkNorm ? await writer.rmsNorm(y, `${module}.${part}_norm`, rmsNormEps, normOffset) : y);
  };
  const operands = { q: await turned('q', heads), k: await turned('k', kvHeads), v: await project('v', kvHeads) };
  const options = { layer, scale, window: windows[layer] ?? null };
  const { out, present } = cachedAttention(writer, places, config, operands, options);
  return { out: await writer.linear(out, `${module}.o_proj`, { biased: biases.output }), present };
}

async function mlp(writer: OnnxWriter, config: PlainDecoder, layer: number, x: string): Promise<string> {
  const project = async (part: string, y: string): Promise<string> =>
    writer.linear(y, `model.layers.${layer}.mlp.${part}_proj`, { biased: config.biases.mlp });
  const gate = writer.activate(config.activation, await project('gate', x));
  return project('down', writer.mul(gate, await project('up', x)));
}

/** A decoder of RMS norms, rotary positions and a gated MLP as an ONNX graph. */
export async function onnxOfDecoder(
  config: PlainDecoder,
  tensors: ReadonlyMap<string, TensorSource>,
  dtype: OnnxDtype,
): Promise<OnnxModel> {
  const { norms, rope, slidingRope, rmsNormEps, normOffset, logitsSoftCap: cap } = config;
  if (2 * rope.inverseFrequencies.length !== config.headWidth)
    throw new TypeError('config.json: partial_rotary_factor is not exported');
  const writer = onnxWriter(tensors, dtype);
  const { emit } = writer;
  const places = causalPlaces(writer);
  const full = rotation(writer, rope);
  const sliding = slidingRope ? rotation(writer, slidingRope, 'frequencies of windows') : full;
  const norm = (x: string, module: string): Promise<string> => writer.rmsNorm(x, module, rmsNormEps, normOffset);
  const table = 'model.embed_tokens';
  const rows = writer.reshape(await writer.rows(`${table}.weight`, 'input_ids'), emit.ints([-1, config.hiddenSize]));
  let x = writer.scaled(rows, config.embeddingScale);
  const caches: Present[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const at = (name: string): string => `model.layers.${layer}.${name}`;
    /** x with what a part of the block makes of it. */
    const added = async (y: string, after: string | undefined): Promise<string> =>
      emit.node('Add', [x, after === undefined ? y : await norm(y, at(after))]);
    const rotate = (config.windows[layer] ?? null) === null ? full : sliding;
    const attended = await attentionOf(writer, places, config, layer, await norm(x, at(norms.attention)), rotate);
    caches.push(attended.present);
    x = await added(attended.out, norms.afterAttention);
    x = await added(await mlp(writer, config, layer, await norm(x, at(norms.mlp))), norms.afterMlp);
  }
  const head = config.tied ? table : 'lm_head';
  const logits = await writer.linear(await norm(x, 'model.norm'), head, { isHead: true });
  const capped = cap === undefined ? logits : writer.scaled(emit.node('Tanh', [writer.scaled(logits, 1 / cap)]), cap);
  return decoderModel(writer, places, config, capped, caches.flat());
}
