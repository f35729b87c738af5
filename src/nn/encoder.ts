import type { Value } from '../ir/graph.ts';
import { attention } from '../ir/ops/attention.ts';
import { embedding } from '../ir/ops/embedding.ts';
import { reshape } from '../ir/ops/reshape.ts';
import { dimAt, sizeOf } from '../ir/types.ts';
import { describe } from '../ir/errors.ts';
import { makeEmissions, recomputed } from './emissions.ts';
import type { Fields } from './fields.ts';
import type { EncoderInputs, Labels, ParameterSpec } from './model.ts';
import type { SiteOperands } from './sites.ts';

/** Attention of one block in both directions: [B, T, H·width]. */
export type Attend = (name: string, operands: Omit<SiteOperands['attention'], 'prefix'>) => Value;

/** The blocks `path`.0, `path`.1, … of an encoder one after another, each through its site. */
export function encodeBlocks(
  {
    segments,
    sites,
    emissions = makeEmissions(),
    recompute,
  }: Pick<EncoderInputs, 'sites' | 'emissions' | 'recompute'> & { readonly segments: Value | null },
  path: string,
  layers: number,
  first: Value,
  block: (name: string, x: Value, attend: Attend) => Value,
): Value {
  const attend: Attend = (name, operands) => {
    const plain = ({ q, k, v, prefix }: SiteOperands['attention']): Value => {
      if (prefix) throw new TypeError(`${name}: a prefix of keys and values stands before decoders only`);
      return attention(q, k, v, { segments });
    };
    const out = sites.attention({ ...operands, prefix: null }, plain, name);
    const [batch, time, heads, width] = out.type.shape as [number, number, number, number];
    return reshape(out, [batch, time, heads * width]);
  };
  let x = first;
  for (let layer = 0; layer < layers; layer++) {
    const name = `${path}.${layer}`;
    const compute = (operand: Value): Value =>
      sites.block({ x: operand }, (given) => block(name, given.x, attend), name);
    x = recompute ? recomputed(compute, x, emissions) : compute(x);
  }
  return x;
}

/** The tokens of hidden states [B, T, D] at `places` i32 [N], counted over all rows: [N, D]. */
export function tokensAt(hidden: Value, places: Value): Value {
  const { shape } = hidden.type;
  return embedding(reshape(hidden, [sizeOf(shape.slice(0, -1)), dimAt(shape, -1)]), places);
}

/** Weight and bias of a layer norm. */
export function layerNormParameters(name: string, width: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [width], decays: false, init: { mean: 1, deviation: 0 } },
    { name: `${name}.bias`, shape: [width], decays: false, init: { mean: 0, deviation: 0 } },
  ];
}

const maxLabels = 1_000_000;
const problemTypes = ['single_label_classification', 'multi_label_classification', 'regression'] as const;

/** A classifier's labels and problem type; two labels where the config names none. Throws TypeError on ids that are not 0, 1, … */
export function labelFields(fields: Fields): Labels {
  const count = fields.integer('num_labels', 2, maxLabels);
  fields.optional('label2id');
  const named =
    fields.optional('id2label') ?? Object.fromEntries(Array.from({ length: count }, (_, id) => [id, `LABEL_${id}`]));
  const labels = typeof named === 'object' && named !== null ? Object.entries(named as Record<string, unknown>) : [];
  const ordered = labels.toSorted(([a], [b]) => Number(a) - Number(b));
  if (ordered.length === 0 || ordered.some(([id, label], i) => id !== String(i) || typeof label !== 'string'))
    throw new TypeError(`Expected labels by ids 0, 1, … at config.json.id2label but found ${describe(named)}`);
  const type = fields.optional('problem_type') ?? null;
  const problemType = problemTypes.find((each) => each === type) ?? null;
  if (type !== problemType) {
    throw new TypeError(`Expected ${problemTypes.join(', ')} at config.json.problem_type but found ${describe(type)}`);
  }
  return { labels: ordered.map(([, label]) => String(label)), problemType };
}
