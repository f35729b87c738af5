import { f32Source } from '../runtime/tensor-source.ts';
import { type GgufArchitecture, ggufHeads, type GgufWriting } from './gguf-architecture.ts';
import type { Gguf } from './gguf.ts';
import { interleavedHalves } from './gguf-layouts.ts';
import { ggufFields } from './gguf-metadata.ts';
import { readRope, ropeFactorsName, ropeFactorsOf, ropeKeys, writeRope } from './gguf-rope.ts';
import { type PlainDecoder, plainDecoder } from './plainDecoder.ts';

type Json = Readonly<Record<string, unknown>>;

/** What tells a llama from its kin. */
interface Kind {
  readonly name: string;
  readonly modelTypes: readonly string[];
  readonly className: string;
  /** Rows of q and k stand in llama.cpp's order, and rope may have divisors. */
  readonly permuted: boolean;
  /** Modules of a block beside llama's. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Fields of config.json that only this architecture has. */
  readonly config: (gguf: Gguf) => Json;
}

export const decoderModules: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

export const decoderOuter: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

export const decoderKeys: readonly string[] = [
  'context_length',
  'block_count',
  'embedding_length',
  'feed_forward_length',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.value_length',
  'attention.layer_norm_rms_epsilon',
  ...ropeKeys,
];

/** Sizes of a decoder with RMS norms and rotary positions, as config.json calls them. */
export function decoderConfig(gguf: Gguf, name: string): Record<string, unknown> {
  const fields = ggufFields(gguf);
  const heads = ggufHeads(gguf, name);
  return {
    head_dim: heads.size,
    hidden_size: fields.requiredInteger(`${name}.embedding_length`),
    intermediate_size: fields.requiredInteger(`${name}.feed_forward_length`),
    max_position_embeddings: fields.requiredInteger(`${name}.context_length`),
    num_attention_heads: heads.query,
    num_hidden_layers: fields.requiredInteger(`${name}.block_count`),
    num_key_value_heads: heads.keyValue,
    rms_norm_eps: fields.requiredNumber(`${name}.attention.layer_norm_rms_epsilon`),
  };
}

/** The same sizes as GGUF calls them. */
export function decoderFields(
  name: string,
  config: Pick<
    PlainDecoder,
    'layers' | 'hiddenSize' | 'intermediateSize' | 'heads' | 'kvHeads' | 'headWidth' | 'rmsNormEps' | 'vocabSize'
  >,
  context: number,
): GgufWriting['fields'] {
  return [
    [`${name}.block_count`, { u32: config.layers }],
    [`${name}.context_length`, { u32: context }],
    [`${name}.embedding_length`, { u32: config.hiddenSize }],
    [`${name}.feed_forward_length`, { u32: config.intermediateSize }],
    [`${name}.attention.head_count`, { u32: config.heads }],
    [`${name}.attention.head_count_kv`, { u32: config.kvHeads }],
    [`${name}.attention.key_length`, { u32: config.headWidth }],
    [`${name}.attention.value_length`, { u32: config.headWidth }],
    [`${name}.attention.layer_norm_rms_epsilon`, { f32: config.rmsNormEps }],
    [`${name}.vocab_size`, { u32: config.vocabSize }],
  ];
}

/** The window that llama.cpp does not know: within it, seeing all that came before is the same. */
function contextOf({ windows, maxPositions }: PlainDecoder, type: string): number {
  const window = windows.reduce((least: number, each) => Math.min(least, each ?? Infinity), Infinity);
  if (type !== 'mistral' && window !== Infinity)
    throw new TypeError(`config.json: use_sliding_window: a ${type} GGUF has no place for windows`);
  return Math.min(maxPositions, window);
}

/** Which rows stand in llama.cpp's order, where any do. */
const layoutOf =
  (permuted: boolean, query: number, keyValue: number): GgufWriting['layout'] =>
  (stored) => {
    const part = permuted ? /\.attn_([qk])\./.exec(stored)?.[1] : undefined;
    return part === undefined ? undefined : interleavedHalves(part === 'q' ? query : keyValue);
  };

function write(json: Json, { name, permuted }: Kind): GgufWriting {
  const type = String(json['model_type']);
  const config = plainDecoder(json);
  if (!config) throw new TypeError(`config.json: model_type ${type}: not a ${name}`);
  if (config.activation !== 'silu')
    throw new TypeError(`config.json: hidden_act ${config.activation}: a ${name} GGUF computes silu`);
  if (type === 'qwen3' && config.biases.qkv)
    throw new TypeError('config.json: attention_bias: a qwen3 GGUF has no place for biases');
  const rope = writeRope(json, name, config);
  if (rope.factors && !permuted)
    throw new TypeError(`config.json: rope_parameters: a ${name} GGUF has no place for this rope_type`);
  return {
    fields: [...decoderFields(name, config, contextOf(config, type)), ...rope.fields],
    layout: layoutOf(permuted, config.heads, config.kvHeads),
    ...(rope.factors ? { more: [f32Source(ropeFactorsName, [rope.factors.length], rope.factors)] } : {}),
  };
}

const architecture = (kind: Kind): GgufArchitecture => ({
  name: kind.name,
  modelTypes: kind.modelTypes,
  blocks: 'model.layers',
  modules: { ...decoderModules, ...kind.modules },
  outer: decoderOuter,
  keys: decoderKeys,
  layout: (gguf) => {
    const heads = ggufHeads(gguf, kind.name);
    return layoutOf(kind.permuted, heads.query, heads.keyValue);
  },
  config: async (gguf) => ({
    architectures: [kind.className],
    model_type: kind.name,
    ...kind.config(gguf),
    ...decoderConfig(gguf, kind.name),
    attention_dropout: 0,
    hidden_act: 'silu',
    rope_parameters: readRope(gguf, kind.name, ggufHeads(gguf, kind.name).size, await ropeFactorsOf(gguf)),
  }),
  write: (json) => write(json, kind),
});

/** Llama, and Mistral, which is one within its window. */
export const llamaGguf = architecture({
  name: 'llama',
  modelTypes: ['llama', 'mistral'],
  className: 'LlamaForCausalLM',
  permuted: true,
  config: ({ tensors }) => ({
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
  }),
});

export const qwen2Gguf = architecture({
  name: 'qwen2',
  modelTypes: ['qwen2'],
  className: 'Qwen2ForCausalLM',
  permuted: false,
  config: () => ({ use_sliding_window: false }),
});

export const qwen3Gguf = architecture({
  name: 'qwen3',
  modelTypes: ['qwen3'],
  className: 'Qwen3ForCausalLM',
  permuted: false,
  modules: { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' },
  config: ({ tensors }) => ({
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    use_sliding_window: false,
  }),
});
