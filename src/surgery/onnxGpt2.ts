import type { Gpt2Config } from '../nn/models/gpt2.ts';
import type { OnnxModel } from '../runtime/onnx/encode.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { transposedSource } from '../runtime/transposed-source.ts';
import { cachedAttention, causalPlaces, decoderModel, type Present, splitHeads } from './onnxAttention.ts';
import { type OnnxDtype, onnxWriter } from './onnxWriter.ts';

/** GPT-2 as an ONNX graph; its weights, stored as [in, out], are turned. */
export async function onnxOfGpt2(
  config: Gpt2Config,
  tensors: ReadonlyMap<string, TensorSource>,
  dtype: OnnxDtype,
): Promise<OnnxModel> {
  const { hiddenSize, heads, headWidth, layerNormEps, tied } = config;
  const turned = [...tensors].map(([name, source]): [string, TensorSource] => [
    name,
    /\.c_(?:attn|proj|fc)\.weight$/.test(name) ? transposedSource(source, name) : source,
  ]);
  const writer = onnxWriter(new Map(turned), dtype);
  const { emit, linear, layerNorm } = writer;
  const places = causalPlaces(writer);
  const sizes = { ...config, kvHeads: heads };
  const words = await writer.rows('transformer.wte.weight', 'input_ids');
  const positions = await writer.rows('transformer.wpe.weight', 'position_ids');
  let x = writer.reshape(emit.node('Add', [words, positions]), emit.ints([-1, hiddenSize]));
  const caches: Present[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const at = (name: string): string => `transformer.h.${layer}.${name}`;
    const project = (y: string, name: string): Promise<string> => linear(y, at(name), { biased: true });
    const fused = await project(await layerNorm(x, at('ln_1'), layerNormEps), 'attn.c_attn');
    const part = (index: number): string =>
      splitHeads(writer, places, writer.slice(fused, index * hiddenSize, (index + 1) * hiddenSize), heads, headWidth);
    const options = { layer, scale: config.scales[layer] ?? 1, window: null };
    const { out, present } = cachedAttention(writer, places, sizes, { q: part(0), k: part(1), v: part(2) }, options);
    caches.push(present);
    x = emit.node('Add', [x, await project(out, 'attn.c_proj')]);
    const wide = await project(await layerNorm(x, at('ln_2'), layerNormEps), 'mlp.c_fc');
    x = emit.node('Add', [x, await project(writer.activate(config.activation, wide), 'mlp.c_proj')]);
  }
  const last = await layerNorm(x, 'transformer.ln_f', layerNormEps);
  const logits = await linear(last, tied ? 'transformer.wte' : 'lm_head', { isHead: true });
  return decoderModel(writer, places, sizes, logits, caches.flat());
}
