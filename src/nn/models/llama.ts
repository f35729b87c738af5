import { at, type Value } from '../../ir/graph.ts';
import { checkpoint } from '../../ir/checkpoint.ts';
import { add } from '../../ir/ops/add.ts';
import { attention } from '../../ir/ops/attention.ts';
import { cachedAttention } from '../../ir/ops/cachedAttention.ts';
import { embedding } from '../../ir/ops/embedding.ts';
import { reshape } from '../../ir/ops/reshape.ts';
import { rmsNorm } from '../../ir/ops/rmsNorm.ts';
import { rotary, type RotaryFrequencies } from '../../ir/ops/rotary.ts';
import { dimAt } from '../../ir/types.ts';
import { type Activation, activationOf, gated } from '../activations.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import type { LanguageModel, LinearSpec, ModelInputs, ModelOutputs, ParameterSpec } from '../model.ts';
import { ropeFrequencies } from '../rope.ts';

/** The fields of a Llama's config.json that shape its computation. */
export interface LlamaConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly maxPositions: number;
  readonly rmsNormEps: number;
  readonly activation: Activation;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  readonly tied: boolean;
  readonly rope: RotaryFrequencies;
  /** Standard deviation of weights that are drawn anew. */
  readonly initializerRange: number;
  readonly ignoredFields: readonly string[];
}

/** Fields that say something about the file, the training from scratch or the tokenizer, not about the computation. */
const neutral = [
  'architectures',
  'model_type',
  'dtype',
  'torch_dtype',
  'transformers_version',
  'use_cache',
  'bos_token_id',
  'eos_token_id',
  'pad_token_id',
  '_name_or_path',
  '_from_model_config',
] as const;

/** Reads a config.json. Throws TypeError naming a field whose value cannot be honoured. */
export function parseLlamaConfig(json: Readonly<Record<string, unknown>>): LlamaConfig {
  const fields: Fields = fieldsOf(json, 'config.json');
  for (const name of neutral) fields.optional(name);
  const hiddenSize = fields.integer('hidden_size');
  const heads = fields.integer('num_attention_heads');
  const kvHeads = fields.integer('num_key_value_heads', heads);
  const headWidth = fields.integer('head_dim', hiddenSize / heads);
  if (kvHeads === 0 || heads % kvHeads !== 0) {
    throw new RangeError(
      `Expected num_attention_heads to be a multiple of num_key_value_heads but found ${heads} and ${kvHeads}`,
    );
  }
  const refuse = (name: string, expected: unknown): void => {
    const value = fields.optional(name) ?? expected;
    if (value !== expected)
      throw new TypeError(
        `config.json: ${name} ${JSON.stringify(value)} is not supported for llama, only ${JSON.stringify(expected)}`,
      );
  };
  refuse('pretraining_tp', 1);
  refuse('attention_dropout', 0);
  refuse('rope_interleaved', false);
  if (fields.optional('quantization_config') !== undefined) {
    throw new TypeError(
      'config.json: quantization_config is not supported; give the unquantised checkpoint or a GGUF file',
    );
  }
  const maxPositions = fields.integer('max_position_embeddings', 2048);
  return {
    vocabSize: fields.integer('vocab_size'),
    hiddenSize,
    intermediateSize: fields.integer('intermediate_size'),
    layers: fields.integer('num_hidden_layers'),
    heads,
    kvHeads,
    headWidth,
    maxPositions,
    rmsNormEps: fields.number('rms_norm_eps', 1e-6),
    activation: activationOf(fields.string('hidden_act', 'silu')),
    attentionBias: fields.boolean('attention_bias', false),
    mlpBias: fields.boolean('mlp_bias', false),
    tied: fields.boolean('tie_word_embeddings', false),
    rope: ropeFrequencies(fields, headWidth, maxPositions),
    initializerRange: fields.number('initializer_range', 0.02),
    ignoredFields: fields.unread(),
  };
}

const embeddingName = 'model.embed_tokens.weight';
const attentionLinears = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;
const mlpLinears = ['gate_proj', 'up_proj', 'down_proj'] as const;

function linearsOf(config: LlamaConfig): (LinearSpec & { readonly bias: boolean })[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headWidth } = config;
  const widths: Readonly<Record<string, readonly [number, number]>> = {
    q_proj: [hiddenSize, heads * headWidth],
    k_proj: [hiddenSize, kvHeads * headWidth],
    v_proj: [hiddenSize, kvHeads * headWidth],
    o_proj: [heads * headWidth, hiddenSize],
    gate_proj: [hiddenSize, intermediateSize],
    up_proj: [hiddenSize, intermediateSize],
    down_proj: [intermediateSize, hiddenSize],
  };
  const spec = (layer: number, part: string, name: string, bias: boolean) => {
    const [inFeatures, outFeatures] = widths[name] ?? [0, 0];
    return { name: `model.layers.${layer}.${part}.${name}`, inFeatures, outFeatures, bias };
  };
  return Array.from({ length: config.layers }, (_, layer) => [
    ...attentionLinears.map((name) => spec(layer, 'self_attn', name, config.attentionBias)),
    ...mlpLinears.map((name) => spec(layer, 'mlp', name, config.mlpBias)),
  ]).flat();
}

function parametersOf(config: LlamaConfig): ParameterSpec[] {
  const drawn = { mean: 0, deviation: config.initializerRange };
  const norm = (name: string): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [config.hiddenSize],
    init: { mean: 1, deviation: 0 },
  });
  const specs: ParameterSpec[] = [{ name: embeddingName, shape: [config.vocabSize, config.hiddenSize], init: drawn }];
  for (let layer = 0; layer < config.layers; layer++) {
    specs.push(norm(`model.layers.${layer}.input_layernorm`), norm(`model.layers.${layer}.post_attention_layernorm`));
  }
  for (const { name, inFeatures, outFeatures, bias } of linearsOf(config)) {
    specs.push({ name: `${name}.weight`, shape: [outFeatures, inFeatures], init: drawn });
    if (bias) specs.push({ name: `${name}.bias`, shape: [outFeatures], init: { mean: 0, deviation: 0 } });
  }
  specs.push(norm('model.norm'));
  if (!config.tied) specs.push({ name: 'lm_head.weight', shape: [config.vocabSize, config.hiddenSize], init: drawn });
  return specs;
}

interface BlockOutputs {
  readonly x: Value;
  readonly keys?: Value;
  readonly values?: Value;
}

/** x + attention(norm x), then x + mlp(norm x). */
function block(config: LlamaConfig, inputs: ModelInputs, layer: number, x: Value): BlockOutputs {
  const { param, positions, segments, positionLimit, sites, cache } = inputs;
  const { heads, kvHeads, headWidth, rmsNormEps } = config;
  const [batch, time] = [dimAt(x.type.shape, 0), dimAt(x.type.shape, 1)];
  const prefix = `model.layers.${layer}`;
  const linear = (name: string, operand: Value, biased: boolean): Value =>
    sites.linear({
      name: `${prefix}.${name}`,
      x: operand,
      weight: param(`${prefix}.${name}.weight`),
      bias: biased ? param(`${prefix}.${name}.bias`) : null,
    });
  const norm = (name: string, operand: Value): Value => rmsNorm(operand, param(`${prefix}.${name}.weight`), rmsNormEps);
  const split = (operand: Value, count: number): Value => reshape(operand, [batch, time, count, headWidth]);

  const h = norm('input_layernorm', x);
  const project = (name: string, count: number): Value =>
    split(linear(`self_attn.${name}`, h, config.attentionBias), count);
  const rotate = (operand: Value): Value => rotary(operand, positions, config.rope, positionLimit);
  const q = rotate(project('q_proj', heads));
  const k = rotate(project('k_proj', kvHeads));
  const v = project('v_proj', kvHeads);
  const cached = cache
    ? cachedAttention(
        q,
        k,
        v,
        { keys: at(cache.keys, layer), values: at(cache.values, layer), lengths: cache.lengths },
        { fresh: cache.fresh },
      )
    : undefined;
  const mixed = cached?.out ?? attention(q, k, v, { causal: true, segments });
  const attended = add(
    x,
    linear('self_attn.o_proj', reshape(mixed, [batch, time, heads * headWidth]), config.attentionBias),
  );

  const g = norm('post_attention_layernorm', attended);
  const gate = linear('mlp.gate_proj', g, config.mlpBias);
  const up = linear('mlp.up_proj', g, config.mlpBias);
  const out = add(attended, linear('mlp.down_proj', gated(config.activation, gate, up), config.mlpBias));
  return cached ? { x: out, keys: cached.keys, values: cached.values } : { x: out };
}

/** Llama (Touvron et al. 2023; transformers' LlamaForCausalLM): hidden states [B, T, D]. */
function hidden(config: LlamaConfig, inputs: ModelInputs): ModelOutputs {
  let x = embedding(inputs.param(embeddingName), inputs.ids);
  const keys: Value[] = [];
  const values: Value[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    if (inputs.recompute) {
      x = checkpoint((operand) => block(config, inputs, layer, operand).x)(x);
      continue;
    }
    const outputs = block(config, inputs, layer, x);
    x = outputs.x;
    if (outputs.keys && outputs.values) {
      keys.push(outputs.keys);
      values.push(outputs.values);
    }
  }
  return { hidden: rmsNorm(x, inputs.param('model.norm.weight'), config.rmsNormEps), keys, values };
}

/** A Llama of a config.json. */
export function llama(json: Readonly<Record<string, unknown>>): LanguageModel {
  const config = parseLlamaConfig(json);
  return {
    type: 'llama',
    vocabSize: config.vocabSize,
    hiddenSize: config.hiddenSize,
    layers: config.layers,
    kvHeads: config.kvHeads,
    headWidth: config.headWidth,
    maxPositions: config.maxPositions,
    head: config.tied ? embeddingName : 'lm_head.weight',
    tied: config.tied,
    parameters: parametersOf(config),
    linears: linearsOf(config),
    defaultTargets: ['q_proj', 'v_proj'],
    ignoredFields: config.ignoredFields,
    hidden: (inputs) => hidden(config, inputs),
  };
}
