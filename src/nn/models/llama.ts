import { at, type Value } from '../../ir/graph.ts';
import { checkpoint } from '../../ir/checkpoint.ts';
import { add } from '../../ir/ops/add.ts';
import { attention } from '../../ir/ops/attention.ts';
import { cachedAttention } from '../../ir/ops/cachedAttention.ts';
import { embedding } from '../../ir/ops/embedding.ts';
import { linear } from '../../ir/ops/linear.ts';
import { reshape } from '../../ir/ops/reshape.ts';
import { rmsNorm } from '../../ir/ops/rmsNorm.ts';
import { rotary, type RotaryFrequencies } from '../../ir/ops/rotary.ts';
import { dimAt } from '../../ir/types.ts';
import { type Activation, activationOf, gated } from '../activations.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import type { LanguageModel, LinearSpec, ModelInputs, ModelOutputs, ParameterSpec } from '../model.ts';
import { ropeFrequencies } from '../rope.ts';
import type { SiteOperands } from '../sites.ts';

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

/** Caches of one layer with the new tokens. */
type Remember = (layer: number, caches: { readonly keys: Value; readonly values: Value }) => void;

/** x + attention(norm x), then x + mlp(norm x); every layer goes through its site. */
function block(config: LlamaConfig, inputs: ModelInputs, layer: number, x: Value, remember: Remember): Value {
  const { param, positions, segments, positionLimit, sites, cache } = inputs;
  const { heads, kvHeads, headWidth } = config;
  const [batch, time] = [dimAt(x.type.shape, 0), dimAt(x.type.shape, 1)];
  const prefix = `model.layers.${layer}`;
  const linearAt = (name: string, operand: Value, biased: boolean): Value =>
    sites.linear(
      {
        x: operand,
        weight: param(`${prefix}.${name}.weight`),
        bias: biased ? param(`${prefix}.${name}.bias`) : null,
      },
      (operands) => linear(operands.x, operands.weight, operands.bias),
      `${prefix}.${name}`,
    );
  const split = (operand: Value, count: number): Value => reshape(operand, [batch, time, count, headWidth]);
  const rotate = (operand: Value): Value => rotary(operand, positions, config.rope, positionLimit);

  const attend = ({ q, k, v }: SiteOperands['attention']): Value => {
    if (!cache) return attention(q, k, v, { causal: true, segments });
    const past = { keys: at(cache.keys, layer), values: at(cache.values, layer), lengths: cache.lengths };
    const { out, ...caches } = cachedAttention(q, k, v, past, { fresh: cache.fresh });
    remember(layer, caches);
    return out;
  };
  const h = norm(config, inputs, `${prefix}.input_layernorm`, x);
  const project = (name: string, count: number): Value =>
    split(linearAt(`self_attn.${name}`, h, config.attentionBias), count);
  const operands = {
    q: rotate(project('q_proj', heads)),
    k: rotate(project('k_proj', kvHeads)),
    v: project('v_proj', kvHeads),
  };
  const mixed = reshape(sites.attention(operands, attend, `${prefix}.self_attn`), [batch, time, heads * headWidth]);
  const attended = add(x, linearAt('self_attn.o_proj', mixed, config.attentionBias));

  const mlp = ({ x: g }: SiteOperands['mlp']): Value => {
    const gate = linearAt('mlp.gate_proj', g, config.mlpBias);
    const up = linearAt('mlp.up_proj', g, config.mlpBias);
    return linearAt('mlp.down_proj', gated(config.activation, gate, up), config.mlpBias);
  };
  const g = norm(config, inputs, `${prefix}.post_attention_layernorm`, attended);
  return add(attended, sites.mlp({ x: g }, mlp, `${prefix}.mlp`));
}

function norm(config: LlamaConfig, { param, sites }: ModelInputs, name: string, x: Value): Value {
  const operands = { x, weight: param(`${name}.weight`) };
  return sites.norm(operands, (given) => rmsNorm(given.x, given.weight, config.rmsNormEps), name);
}

/** Llama (Touvron et al. 2023; transformers' LlamaForCausalLM): hidden states [B, T, D]. */
function hidden(config: LlamaConfig, inputs: ModelInputs): ModelOutputs {
  const { param, ids, sites, recompute } = inputs;
  const keys: Value[] = [];
  const values: Value[] = [];
  const remember: Remember = (layer, caches) => {
    keys[layer] = caches.keys;
    values[layer] = caches.values;
  };
  const embed = (given: SiteOperands['embedding']): Value => embedding(given.table, given.ids);
  let x = sites.embedding({ table: param(embeddingName), ids }, embed, 'model.embed_tokens');
  for (let layer = 0; layer < config.layers; layer++) {
    const compute = (operand: Value): Value =>
      sites.block({ x: operand }, (given) => block(config, inputs, layer, given.x, remember), `model.layers.${layer}`);
    x = recompute ? checkpoint(compute)(x) : compute(x);
  }
  return { hidden: norm(config, inputs, 'model.norm', x), keys, values };
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
