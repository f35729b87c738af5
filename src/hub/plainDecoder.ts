import type { Activation } from '../nn/activations.ts';
import type { DecoderSizes } from '../nn/configFields.ts';
import type { DecoderBiases } from '../nn/decoder.ts';
import { parseLlamaConfig } from '../nn/models/llama.ts';
import { parseMistralConfig } from '../nn/models/mistral.ts';
import { parseQwen2Config } from '../nn/models/qwen2.ts';
import { parseQwen3Config } from '../nn/models/qwen3.ts';
import type { RotaryFrequencies } from '../ir/ops/rotary.ts';

/** A decoder of RMS norms, rotary positions and a gated MLP, as exports write it: what is an architecture's own is said, not implied. */
export interface PlainDecoder extends DecoderSizes {
  readonly rmsNormEps: number;
  readonly activation: Activation;
  readonly biases: DecoderBiases;
  readonly rope: RotaryFrequencies;
  /** Of each layer; null sees all that came before. */
  readonly windows: readonly (number | null)[];
  /** Queries and keys are normed per head before they turn. */
  readonly qkNorm: boolean;
}

type Json = Readonly<Record<string, unknown>>;

const everywhere = (layers: number, window: number | null): (number | null)[] =>
  Array.from({ length: layers }, () => window);

const none: DecoderBiases = { qkv: false, output: false, mlp: false };

const readers: Readonly<Record<string, (json: Json) => PlainDecoder>> = {
  llama: (json) => {
    const config = parseLlamaConfig(json);
    return { ...config, windows: everywhere(config.layers, null), qkNorm: false };
  },
  mistral: (json) => {
    const config = parseMistralConfig(json);
    return { ...config, biases: none, windows: everywhere(config.layers, config.window), qkNorm: false };
  },
  qwen2: (json) => ({ ...parseQwen2Config(json), biases: { ...none, qkv: true }, qkNorm: false }),
  qwen3: (json) => {
    const config = parseQwen3Config(json);
    const { attentionBias } = config;
    return { ...config, biases: { ...none, qkv: attentionBias, output: attentionBias }, qkNorm: true };
  },
};

/** Architectures that exports know, by the hub's model_type. */
export const plainDecoders: readonly string[] = Object.keys(readers);

/** Reads a config.json; undefined for an architecture that is none of these. Throws as its model does on what cannot be honoured. */
export function plainDecoder(json: Json): PlainDecoder | undefined {
  const type = String(json['model_type']);
  return Object.hasOwn(readers, type) ? readers[type]?.(json) : undefined;
}
