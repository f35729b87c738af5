import { named } from '../ir/errors.ts';
import { bytesOf } from '../runtime/storage.ts';
import { tensorSource } from '../runtime/tensor-source.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { fileSource, readChunks } from './byte-file.ts';
import type { ByteFile } from './byte-file.ts';
import type { Gguf, GgufTensor } from './gguf.ts';
import { ggufFields } from './gguf-metadata.ts';
import type { GgufFields } from './gguf-metadata.ts';
import { llama3RopeOf } from './gguf-rope.ts';

/** An architecture of llama.cpp whose tensors are those of a llama with a few more. */
interface Architecture {
  readonly modelType: string;
  readonly className: string;
  /** Rows of q and k stand in llama.cpp's order. */
  readonly permuted: boolean;
  /** Modules of a block beside llama's. */
  readonly modules: Readonly<Record<string, string>>;
  /** Fields of config.json that only this architecture has. */
  readonly config: (gguf: Gguf) => Readonly<Record<string, unknown>>;
}

const architectures: Readonly<Record<string, Architecture>> = {
  llama: {
    modelType: 'llama',
    className: 'LlamaForCausalLM',
    permuted: true,
    modules: {},
    config: ({ tensors }) => ({
      attention_bias: tensors.has('blk.0.attn_q.bias'),
      mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
    }),
  },
  qwen2: {
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    permuted: false,
    modules: {},
    config: () => ({ use_sliding_window: false }),
  },
  qwen3: {
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    permuted: false,
    modules: { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' },
    config: ({ tensors }) => ({
      attention_bias: tensors.has('blk.0.attn_q.bias'),
      use_sliding_window: false,
    }),
  },
};

/** Name and kind of a GGUF's architecture. TypeError naming one that is not read. */
function architectureOf(fields: GgufFields): Architecture & { readonly name: string } {
  const name = fields.string('general.architecture') ?? '';
  const found = Object.hasOwn(architectures, name) ? architectures[name] : undefined;
  if (found) return { ...found, name };
  throw new TypeError(
    `${fields.file}: general.architecture: expected ${Object.keys(architectures).join(', ')} but found ${JSON.stringify(name)}`,
  );
}

/** Keys that change nothing that a model computes. */
const silentKeys = ['context_length', 'vocab_size', 'tensor_data_layout'];

const readKeys = [
  'block_count',
  'embedding_length',
  'feed_forward_length',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.value_length',
  'attention.layer_norm_rms_epsilon',
  'rope.dimension_count',
  'rope.freq_base',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'rope.scaling.finetuned',
];

const modules: Readonly<Record<string, string>> = {
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

const outer: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** The Hugging Face name of a llama tensor; undefined where there is none. */
export function llamaTensorName(name: string, more: Architecture['modules'] = {}): string | undefined {
  const [, layer, part, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const module = part === undefined ? undefined : (modules[part] ?? more[part]);
  return module === undefined ? outer[name] : `model.layers.${layer}.${module}.${kind}`;
}

const outerParts = new Map(Object.entries(outer).map(([part, name]) => [name, part]));

/** The GGUF name of a Hugging Face tensor of an architecture that llama.cpp calls so; undefined where there is none. */
export function ggufDecoderName(name: string, architecture: string): string | undefined {
  const [, layer, module = '', kind] = /^model\.layers\.(\d+)\.([\w.]+)\.(weight|bias)$/.exec(name) ?? [];
  const all = Object.entries({ ...modules, ...architectures[architecture]?.modules });
  const part = all.find(([, each]) => each === module)?.[0];
  return part === undefined ? outerParts.get(name) : `blk.${layer}.${part}.${kind}`;
}

/** Undoes GGUF's row order of llama's q and k: within a head of d rows, row 2j + p there is row p·d/2 + j here. Works on whole rows, so on blocks too. */
export function unpermutedSource(file: ByteFile, tensor: GgufTensor, name: string, heads: number): TensorSource {
  const { shape, storage, position, byteLength } = tensor;
  const rows = shape[0] ?? 1;
  const perRow = shape.slice(1).reduce((product, size) => product * size, 1);
  const rowBytes = named(`${file.name}: tensor ${tensor.name}`, () => bytesOf(storage, perRow));
  const half = rows / heads / 2;
  if (!Number.isInteger(half)) {
    throw new RangeError(
      `${file.name}: tensor ${tensor.name}: expected ${heads} heads of even size but found ${rows} rows`,
    );
  }
  return tensorSource(name, shape, storage, async function* () {
    const ordered = new Uint8Array(Math.min(byteLength, 2 * half * rowBytes));
    for await (const head of readChunks(file, position, byteLength, 2 * half * rowBytes)) {
      for (let j = 0; j < half; j++) {
        const pair = 2 * j * rowBytes;
        ordered.set(head.subarray(pair, pair + rowBytes), j * rowBytes);
        ordered.set(head.subarray(pair + rowBytes, pair + 2 * rowBytes), (half + j) * rowBytes);
      }
      yield ordered;
    }
  });
}

function ropeOf(
  fields: GgufFields,
  name: string,
  headDim: number,
  factors: Float32Array | undefined,
): Record<string, unknown> {
  const theta = fields.number(`${name}.rope.freq_base`) ?? 10000;
  const dimensions = fields.integer(`${name}.rope.dimension_count`) ?? headDim;
  if (dimensions !== headDim) {
    throw new TypeError(
      `${fields.file}: ${name}.rope.dimension_count: expected the head size ${headDim} but found ${dimensions}`,
    );
  }
  const type = fields.string(`${name}.rope.scaling.type`) ?? 'none';
  if (factors !== undefined) {
    if (type !== 'none') {
      throw new TypeError(`${fields.file}: expected rope_freqs or rope scaling but found both (${type})`);
    }
    return { ...llama3RopeOf(fields.file, factors, theta, headDim), rope_theta: theta };
  }
  switch (type) {
    case 'none':
      return { rope_theta: theta, rope_type: 'default' };
    case 'linear':
      return { factor: fields.requiredNumber(`${name}.rope.scaling.factor`), rope_theta: theta, rope_type: 'linear' };
    case 'yarn':
      return {
        factor: fields.requiredNumber(`${name}.rope.scaling.factor`),
        original_max_position_embeddings: fields.requiredInteger(`${name}.rope.scaling.original_context_length`),
        rope_theta: theta,
        rope_type: 'yarn',
      };
    default:
      throw new TypeError(
        `${fields.file}: ${name}.rope.scaling.type: expected none, linear or yarn but found ${JSON.stringify(type)}`,
      );
  }
}

const ropeFactorsName = 'rope_freqs.weight';

interface LlamaHeads {
  readonly query: number;
  readonly keyValue: number;
  readonly size: number;
}

function headsOf(fields: GgufFields, name: string): LlamaHeads {
  const query = fields.requiredInteger(`${name}.attention.head_count`);
  const keyValue = fields.integer(`${name}.attention.head_count_kv`) ?? query;
  const size =
    fields.integer(`${name}.attention.key_length`) ?? fields.requiredInteger(`${name}.embedding_length`) / query;
  const valueSize = fields.integer(`${name}.attention.value_length`) ?? size;
  if (query < 1 || keyValue < 1 || !Number.isInteger(size) || size < 1) {
    throw new RangeError(`${fields.file}: expected heads that divide the width but found ${query} and ${keyValue}`);
  }
  if (valueSize !== size) {
    throw new TypeError(
      `${fields.file}: ${name}.attention.value_length: expected the key length ${size} but found ${valueSize}`,
    );
  }
  return { query, keyValue, size };
}

function checkKeys(fields: GgufFields, name: string, keys: Iterable<string>): void {
  const known = new Set([...silentKeys, ...readKeys].map((key) => `${name}.${key}`));
  for (const key of keys) {
    if (key.startsWith(`${name}.`) && !known.has(key)) {
      throw new TypeError(`${fields.file}: ${key}: this ${name} option is not supported`);
    }
  }
  if ((fields.integer('split.count') ?? 1) > 1) {
    throw new TypeError(`${fields.file}: split.count: expected a GGUF of one file but found a part of several`);
  }
}

/** The tensors of a GGUF under their Hugging Face names, llama's q and k in Hugging Face's row order. */
export function ggufDecoderTensors(gguf: Gguf): Map<string, TensorSource> {
  const fields = ggufFields(gguf);
  const { name: architecture, modules: more, permuted: permutes } = architectureOf(fields);
  const heads = headsOf(fields, architecture);
  const sources = new Map<string, TensorSource>();
  for (const tensor of gguf.tensors.values()) {
    if (tensor.name === ropeFactorsName) continue;
    const name = llamaTensorName(tensor.name, more);
    if (name === undefined)
      throw new TypeError(`${fields.file}: tensor ${tensor.name}: not a part of a ${architecture} model`);
    const permuted = permutes ? /\.attn_([qk])\./.exec(tensor.name)?.[1] : undefined;
    const source =
      permuted === undefined
        ? fileSource(gguf.file, tensor.position, name, tensor.shape, tensor.storage)
        : unpermutedSource(gguf.file, tensor, name, permuted === 'q' ? heads.query : heads.keyValue);
    sources.set(name, source);
  }
  return sources;
}

/** A Hugging Face config.json for a GGUF, from its metadata. TypeError, naming the key, for what llama.cpp has there and Hugging Face's model has not. */
export async function ggufDecoderConfig(gguf: Gguf): Promise<Record<string, unknown>> {
  const fields = ggufFields(gguf);
  const { name, modelType, className, config: own } = architectureOf(fields);
  checkKeys(fields, name, gguf.metadata.keys());
  const heads = headsOf(fields, name);
  const embedding = gguf.tensors.get('token_embd.weight');
  if (embedding === undefined) throw new RangeError(`${fields.file}: expected tensor token_embd.weight but found none`);
  const factors = gguf.tensors.get(ropeFactorsName);
  let factorValues: Float32Array | undefined;
  if (factors !== undefined) {
    const { shape, storage, position } = factors;
    const source = fileSource(gguf.file, position, factors.name, shape, storage);
    factorValues = new Float32Array(shape.reduce((product, size) => product * size, 1));
    await source.readF32(factorValues);
  }
  const config: Record<string, unknown> = {
    architectures: [className],
    ...own(gguf),
    attention_dropout: 0,
    bos_token_id: fields.integer('tokenizer.ggml.bos_token_id') ?? null,
    dtype: 'float32',
    eos_token_id: fields.integer('tokenizer.ggml.eos_token_id') ?? null,
    head_dim: heads.size,
    hidden_act: 'silu',
    hidden_size: fields.requiredInteger(`${name}.embedding_length`),
    intermediate_size: fields.requiredInteger(`${name}.feed_forward_length`),
    max_position_embeddings: fields.requiredInteger(`${name}.context_length`),
    model_type: modelType,
    num_attention_heads: heads.query,
    num_hidden_layers: fields.requiredInteger(`${name}.block_count`),
    num_key_value_heads: heads.keyValue,
    pad_token_id: fields.integer('tokenizer.ggml.padding_token_id') ?? null,
    rms_norm_eps: fields.requiredNumber(`${name}.attention.layer_norm_rms_epsilon`),
    rope_parameters: ropeOf(fields, name, heads.size, factorValues),
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    vocab_size: embedding.shape[0],
  };
  return config;
}
