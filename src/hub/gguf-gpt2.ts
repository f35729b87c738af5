import { parseGpt2Config } from '../nn/models/gpt2.ts';
import { type GgufArchitecture, ggufHeads, type GgufWriting } from './gguf-architecture.ts';
import type { Gguf } from './gguf.ts';
import { transposedMatrix } from './gguf-layouts.ts';
import { ggufFields } from './gguf-metadata.ts';

type Json = Readonly<Record<string, unknown>>;

const name = 'gpt2';
const key = (part: string): string => `${name}.${part}`;

/** Matrices of blocks lie the other way round. */
const layout: GgufWriting['layout'] = (stored) =>
  /^blk\.\d+\.(?:attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(stored) ? transposedMatrix : undefined;

async function config(gguf: Gguf): Promise<Json> {
  const fields = ggufFields(gguf);
  const heads = ggufHeads(gguf, name);
  const width = fields.requiredInteger(key('embedding_length'));
  if (heads.keyValue !== heads.query || heads.query * heads.size !== width) {
    throw new TypeError(
      `${fields.file}: expected ${heads.query} heads of queries, keys and values that share the width ${width} but found ${heads.keyValue} of ${heads.size}`,
    );
  }
  return {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    activation_function: 'gelu_new',
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    layer_norm_epsilon: fields.requiredNumber(key('attention.layer_norm_epsilon')),
    n_embd: width,
    n_head: heads.query,
    n_inner: fields.requiredInteger(key('feed_forward_length')),
    n_layer: fields.requiredInteger(key('block_count')),
    n_positions: fields.requiredInteger(key('context_length')),
  };
}

function write(json: Json): GgufWriting {
  const parsed = parseGpt2Config(json);
  if (parsed.activation !== 'gelu_new' && parsed.activation !== 'gelu_pytorch_tanh')
    throw new TypeError(`config.json: activation_function ${parsed.activation}: a ${name} GGUF computes gelu_new`);
  if (parsed.scales.some((scale) => scale !== parsed.headWidth ** -0.5)) {
    throw new TypeError(
      `config.json: scale_attn_weights, scale_attn_by_inverse_layer_idx: a ${name} GGUF divides the scores by the root of a head's width`,
    );
  }
  return {
    fields: [
      [key('block_count'), { u32: parsed.layers }],
      [key('context_length'), { u32: parsed.maxPositions }],
      [key('embedding_length'), { u32: parsed.hiddenSize }],
      [key('feed_forward_length'), { u32: parsed.innerSize }],
      [key('attention.head_count'), { u32: parsed.heads }],
      [key('attention.layer_norm_epsilon'), { f32: parsed.layerNormEps }],
      [key('vocab_size'), { u32: parsed.vocabSize }],
    ],
    layout,
  };
}

/** GPT-2. */
export const gpt2Gguf: GgufArchitecture = {
  name,
  modelTypes: ['gpt2'],
  blocks: 'transformer.h',
  modules: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  outer: {
    'token_embd.weight': 'transformer.wte.weight',
    'position_embd.weight': 'transformer.wpe.weight',
    'output_norm.weight': 'transformer.ln_f.weight',
    'output_norm.bias': 'transformer.ln_f.bias',
    'output.weight': 'lm_head.weight',
  },
  keys: [
    'context_length',
    'block_count',
    'embedding_length',
    'feed_forward_length',
    'attention.head_count',
    'attention.head_count_kv',
    'attention.key_length',
    'attention.value_length',
    'attention.layer_norm_epsilon',
  ],
  layout: () => layout,
  config,
  write,
};
