import type { Activation } from '../nn/activations.ts';
import type { DecoderSizes } from '../nn/configFields.ts';
import type { DecoderBiases } from '../nn/decoder.ts';
import { parseGemma3Config } from '../nn/models/gemma3_text.ts';
import { parseLlamaConfig } from '../nn/models/llama.ts';
import { parseMistralConfig } from '../nn/models/mistral.ts';
import { parseQwen2Config } from '../nn/models/qwen2.ts';
import { parseQwen3Config } from '../nn/models/qwen3.ts';
import type { RotaryFrequencies } from '../ir/ops/rotary.ts';

/** Norms of a block by their modules' names. */
export interface DecoderNorms {
  readonly attention: string;
  readonly mlp: string;
  /** Of what attention and MLP give, before it is added. */
  readonly afterAttention?: string;
  readonly afterMlp?: string;
}

/** A decoder of RMS norms, rotary positions and a gated MLP, as exports write it: what is an architecture's own is said, not implied. */
export interface PlainDecoder extends DecoderSizes {
  readonly rmsNormEps: number;
  /** A norm multiplies by its weight and this. */
  readonly normOffset: 0 | 1;
  readonly norms: DecoderNorms;
  readonly activation: Activation;
  readonly biases: DecoderBiases;
  readonly rope: RotaryFrequencies;
  /** Of layers with a window, where theirs is another. */
  readonly slidingRope?: RotaryFrequencies;
  /** Of each layer; null sees all that came before. */
  readonly windows: readonly (number | null)[];
  /** Queries and keys are normed per head before they turn. */
  readonly qkNorm: boolean;
  /** Factors of the embeddings and of the scores. */
  readonly embeddingScale: number;
  readonly scale: number;
  /** c in c tanh(z / c) of the logits. */
  readonly logitsSoftCap?: number;
}

type Json = Readonly<Record<string, unknown>>;

const everywhere = (layers: number, window: number | null): (number | null)[] =>
  Array.from({ length: layers }, () => window);

const none: DecoderBiases = { qkv: false, output: false, mlp: false };

/** What all but Gemma have alike. */
const usual = ({ headWidth }: DecoderSizes) => ({
  normOffset: 0 as const,
  norms: { attention: 'input_layernorm', mlp: 'post_attention_layernorm' },
  qkNorm: false,
  embeddingScale: 1,
  scale: headWidth ** -0.5,
});

const readers: Readonly<Record<string, (json: Json) => PlainDecoder>> = {
  llama: (json) => {
    const config = parseLlamaConfig(json);
    return { ...usual(config), ...config, windows: everywhere(config.layers, null) };
  },
  mistral: (json) => {
    const config = parseMistralConfig(json);
    return { ...usual(config), ...config, biases: none, windows: everywhere(config.layers, config.window) };
  },
  qwen2: (json) => {
    const config = parseQwen2Config(json);
    return { ...usual(config), ...config, biases: { ...none, qkv: true } };
  },
  qwen3: (json) => {
    const config = parseQwen3Config(json);
    const { attentionBias } = config;
    return {
      ...usual(config),
      ...config,
      biases: { ...none, qkv: attentionBias, output: attentionBias },
      qkNorm: true,
    };
  },
  gemma3_text: (json) => {
    const config = parseGemma3Config(json);
    const { attentionBias, ropes, hiddenSize } = config;
    return {
      ...config,
      normOffset: 1,
      norms: {
        attention: 'input_layernorm',
        mlp: 'pre_feedforward_layernorm',
        afterAttention: 'post_attention_layernorm',
        afterMlp: 'post_feedforward_layernorm',
      },
      biases: { ...none, qkv: attentionBias, output: attentionBias },
      rope: ropes.full,
      slidingRope: ropes.sliding,
      qkNorm: true,
      embeddingScale: Math.sqrt(hiddenSize),
    };
  },
};

/** Architectures that `plainDecoder` reads, by the hub's model_type. */
export const plainDecoders: readonly string[] = Object.keys(readers);

/** Reads a config.json; undefined for an architecture that is none of these. Throws as its model does on what cannot be honoured. */
export function plainDecoder(json: Json): PlainDecoder | undefined {
  const type = String(json['model_type']);
  return Object.hasOwn(readers, type) ? readers[type]?.(json) : undefined;
}
