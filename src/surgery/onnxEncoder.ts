import { bertBlocks, parseBertConfig } from '../nn/models/bert.ts';
import { distilbertBlocks, parseDistilBertConfig } from '../nn/models/distilbert.ts';
import { parseRobertaConfig, robertaBlocks } from '../nn/models/roberta.ts';
import type { Labels } from '../nn/model.ts';
import type { PostNormNames, PostNormSizes } from '../nn/postNormEncoder.ts';
import type { OnnxModel } from '../runtime/onnx/encode.ts';
import type { TensorSource } from '../runtime/tensor-source.ts';
import { attention, type Places, splitHeads } from './onnxAttention.ts';
import { type OnnxDtype, type OnnxWriter, onnxWriter } from './onnxWriter.ts';

/** An encoder with norms after its blocks' parts, as exports write it. */
export interface PlainEncoder extends PostNormSizes, Labels {
  readonly blocks: PostNormNames;
  /** Module of the embeddings. */
  readonly embeddings: string;
  /** Number of the first position where only tokens count, not padding; null counts all places from 0. */
  readonly firstPosition: number | null;
  /** Rows of the table of token types; 0 has none. */
  readonly tokenTypes: number;
  /** The layer between the first token and a classifier's head. */
  readonly dense: { readonly module: string; readonly activation: 'tanh' | 'relu' };
  readonly head: string;
}

type Json = Readonly<Record<string, unknown>>;

const readers: Readonly<Record<string, (json: Json) => PlainEncoder>> = {
  bert: (json) => ({
    ...parseBertConfig(json),
    blocks: bertBlocks,
    embeddings: 'bert.embeddings',
    firstPosition: null,
    dense: { module: 'bert.pooler.dense', activation: 'tanh' },
    head: 'classifier',
  }),
  roberta: (json) => ({
    ...parseRobertaConfig(json),
    blocks: robertaBlocks,
    embeddings: 'roberta.embeddings',
    dense: { module: 'classifier.dense', activation: 'tanh' },
    head: 'classifier.out_proj',
  }),
  distilbert: (json) => ({
    ...parseDistilBertConfig(json),
    blocks: distilbertBlocks,
    embeddings: 'distilbert.embeddings',
    firstPosition: null,
    tokenTypes: 0,
    dense: { module: 'pre_classifier', activation: 'relu' },
    head: 'classifier',
  }),
};

/** Encoders that exports know, by the hub's model_type. */
export const plainEncoders: readonly string[] = Object.keys(readers);

/** Reads a config.json; undefined for an architecture that is none of these. */
export function plainEncoder(json: Json): PlainEncoder | undefined {
  const type = String(json['model_type']);
  return Object.hasOwn(readers, type) ? readers[type]?.(json) : undefined;
}

/** Tokens see all that is no padding. */
function openPlaces({ emit, sizeAt }: OnnxWriter): Places {
  const sequence = sizeAt('input_ids', 1);
  const present = emit.node('Unsqueeze', [emit.cast('attention_mask', 'bool'), emit.ints([1, 2])]);
  const mask = emit.node('Where', [present, emit.scalar(0), emit.scalar(-3e38)]);
  return { batch: sizeAt('input_ids', 0), sequence, total: sequence, mask: () => mask };
}

/** Embeddings of words, places and token types, normed: [N, D]. */
async function embedded(writer: OnnxWriter, config: PlainEncoder, { sequence }: Places): Promise<string> {
  const { emit, rows, layerNorm, reshape } = writer;
  const { embeddings, firstPosition, tokenTypes, hiddenSize, layerNormEps } = config;
  const table = (name: string): string => `${embeddings}.${name}_embeddings.weight`;
  const integer = (value: number): string => emit.constant(`i64 ${value}`, 'i64', [], () => [value]);
  const counted = (): string => {
    const sums = emit.node('CumSum', ['attention_mask', integer(1)]);
    const places = emit.node('Mul', [sums, 'attention_mask']);
    return emit.node('Add', [places, integer((firstPosition ?? 0) - 1)]);
  };
  const all = (): string =>
    emit.node('Range', [integer(0), emit.node('Squeeze', [sequence, emit.ints([0])]), integer(1)]);
  const words = await rows(table('word'), 'input_ids');
  const places = await rows(table('position'), firstPosition === null ? all() : counted());
  let x = emit.node('Add', [words, places]);
  if (tokenTypes > 0) {
    const types = tokenTypes > 1 ? 'token_type_ids' : emit.node('Mul', ['input_ids', integer(0)]);
    x = emit.node('Add', [x, await rows(table('token_type'), types)]);
  }
  return reshape(await layerNorm(x, `${embeddings}.LayerNorm`, layerNormEps), emit.ints([-1, hiddenSize]));
}

async function block(
  writer: OnnxWriter,
  config: PlainEncoder,
  places: Places,
  layer: number,
  x: string,
): Promise<string> {
  const { blocks, heads, hiddenSize, layerNormEps, activation } = config;
  const width = hiddenSize / heads;
  const at = (name: string): string => `${blocks.path}.${layer}.${name}`;
  const linear = (y: string, name: string): Promise<string> => writer.linear(y, at(name), { biased: true });
  const added = async (y: string, z: string, norm: string): Promise<string> =>
    writer.layerNorm(writer.emit.node('Add', [y, z]), at(norm), layerNormEps);
  const project = async (name: string): Promise<string> =>
    splitHeads(writer, places, await linear(x, name), heads, width);
  const operands = {
    q: await project(blocks.query),
    keys: await project(blocks.key),
    values: await project(blocks.value),
    mask: places.mask(null),
    scale: width ** -0.5,
  };
  const mixed = attention(writer, places, { heads, kvHeads: heads, headWidth: width }, operands);
  const h = await added(await linear(mixed, blocks.attended), x, blocks.attentionNorm);
  const wide = writer.activate(activation, await linear(h, blocks.up));
  return added(await linear(wide, blocks.down), h, blocks.norm);
}

/**
 * An encoder as an ONNX graph of the kind that transformers.js and optimum know: input_ids, attention_mask and, where it has
 * them, token_type_ids [B, T] in; last_hidden_state [B, T, D] out, or of a classifier logits [B, labels].
 */
export async function onnxOfEncoder(
  config: PlainEncoder,
  tensors: ReadonlyMap<string, TensorSource>,
  dtype: OnnxDtype,
  classifies: boolean,
): Promise<OnnxModel> {
  const writer = onnxWriter(tensors, dtype);
  const { emit, reshape } = writer;
  const { hiddenSize, labels, dense } = config;
  const places = openPlaces(writer);
  let x = await embedded(writer, config, places);
  for (let layer = 0; layer < config.layers; layer++) x = await block(writer, config, places, layer, x);
  const states = reshape(x, places.batch, places.sequence, emit.ints([hiddenSize]));
  const logitsOf = async (): Promise<string> => {
    const first = emit.node('Gather', [states, emit.constant('i64 0', 'i64', [], () => [0])], { axis: { int: 1 } });
    const pooled = writer.activate(dense.activation, await writer.linear(first, dense.module, { biased: true }));
    return writer.linear(pooled, config.head, { biased: true, isHead: true });
  };
  const [name, value, shape] = classifies
    ? (['logits', await logitsOf(), ['batch', labels.length]] as const)
    : (['last_hidden_state', states, ['batch', 'sequence', hiddenSize]] as const);
  const inputs = ['input_ids', 'attention_mask', ...(config.tokenTypes > 1 ? ['token_type_ids'] : [])];
  return {
    inputs: inputs.map((each) => ({ name: each, dtype: 'i64', shape: ['batch', 'sequence'] })),
    outputs: [{ name, dtype: 'f32', shape }],
    nodes: [...emit.emitted, { opType: 'Identity', inputs: [value], outputs: [name] }],
    initializers: writer.held(),
  };
}
