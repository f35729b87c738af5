import { fieldsOf } from '../nn/fields.ts';
import { fileSources } from './byte-file.ts';
import type { Gguf } from './gguf.ts';
import type { GgufField } from './gguf-bytes.ts';
import { ggufFields } from './gguf-metadata.ts';
import type { PlainDecoder } from './plainDecoder.ts';

/** The tensor that holds divisors of the inverse frequencies. */
export const ropeFactorsName = 'rope_freqs.weight';

/** Metadata keys of rotary positions, without the architecture's name before them. */
export const ropeKeys: readonly string[] = [
  'rope.dimension_count',
  'rope.freq_base',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'rope.scaling.finetuned',
];

/** Wavelength bounds that every published llama3 rope uses; GGUF keeps only the factors they lead to. */
const lowFrequencyFactor = 1;
const highFrequencyFactor = 4;
const originalContext = 8192;

/** Llama 3's factor for one inverse frequency: 1 for short waves, `factor` for long ones, smooth between. */
function llama3Factor(inverseFrequency: number, factor: number): number {
  const wavelength = (2 * Math.PI) / inverseFrequency;
  if (wavelength < originalContext / highFrequencyFactor) return 1;
  if (wavelength > originalContext / lowFrequencyFactor) return factor;
  const smooth = (originalContext / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return 1 / ((1 - smooth) / factor + smooth);
}

/** The llama3 rope parameters whose factors a GGUF's rope_freqs holds; TypeError where they are those of another scaling. */
export function llama3RopeOf(
  file: string,
  factors: Float32Array,
  theta: number,
  headDim: number,
): Record<string, unknown> {
  const factor = factors.reduce((most, each) => Math.max(most, each), 1);
  const fits =
    factors.length === headDim / 2 &&
    factors.every((each, i) => Math.abs(each / llama3Factor(theta ** ((-2 * i) / headDim), factor) - 1) < 1e-3);
  if (!fits) throw new TypeError(`${file}: rope_freqs.weight: expected the factors of llama3 rope scaling`);
  return {
    factor,
    high_freq_factor: highFrequencyFactor,
    low_freq_factor: lowFrequencyFactor,
    original_max_position_embeddings: originalContext,
    rope_type: 'llama3',
  };
}

/** Values of a file's rope_freqs; undefined where it has none. */
export async function ropeFactorsOf(gguf: Gguf): Promise<Float32Array | undefined> {
  const factors = gguf.tensors.get(ropeFactorsName);
  if (factors === undefined) return undefined;
  const { shape, storage, position } = factors;
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  await fileSources(gguf.file)({ position, name: factors.name, shape, storage }).readF32(values);
  return values;
}

/** `rope_parameters` of an architecture whose whole heads turn. TypeError naming what a config has no place for. */
export function readRope(
  gguf: Gguf,
  name: string,
  headDim: number,
  factors: Float32Array | undefined,
): Record<string, unknown> {
  const fields = ggufFields(gguf);
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

export interface GgufRope {
  readonly fields: readonly (readonly [string, GgufField])[];
  readonly factors?: Float32Array;
}

/** Rope settings as GGUF keeps them, and divisors of the inverse frequencies where it has no name for the scaling. */
export function writeRope(
  json: Readonly<Record<string, unknown>>,
  name: string,
  { headWidth, maxPositions, rope }: PlainDecoder,
): GgufRope {
  const fields = fieldsOf(json, 'config.json');
  const parameters = fields.object('rope_parameters') ?? fields.object('rope_scaling');
  const theta =
    parameters?.number('rope_theta', fields.number('rope_theta', 10000)) ?? fields.number('rope_theta', 10000);
  const type = parameters?.string('rope_type', parameters.string('type', 'default')) ?? 'default';
  const base: [string, GgufField][] = [
    [`${name}.rope.dimension_count`, { u32: 2 * rope.inverseFrequencies.length }],
    [`${name}.rope.freq_base`, { f32: theta }],
  ];
  if (2 * rope.inverseFrequencies.length !== headWidth)
    throw new TypeError(`config.json: partial_rotary_factor: a ${name} GGUF rotates whole heads`);
  if (parameters === undefined || type === 'default') return { fields: base };
  const factor = (): GgufField => ({ f32: parameters.number('factor') });
  if (type === 'linear') {
    return {
      fields: [...base, [`${name}.rope.scaling.type`, { text: 'linear' }], [`${name}.rope.scaling.factor`, factor()]],
    };
  }
  if (type === 'yarn') {
    const unusual = ['beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim', 'truncate', 'attention_factor'].find(
      (name) => parameters.optional(name) !== undefined,
    );
    if (unusual !== undefined)
      throw new TypeError(`config.json: ${unusual}: a ${name} GGUF has no place for this option of yarn`);
    const original = parameters.integer('original_max_position_embeddings', maxPositions);
    return {
      fields: [
        ...base,
        [`${name}.rope.scaling.type`, { text: 'yarn' }],
        [`${name}.rope.scaling.factor`, factor()],
        [`${name}.rope.scaling.original_context_length`, { u32: original }],
      ],
    };
  }
  const factors = Float32Array.from(rope.inverseFrequencies, (each, i) => theta ** ((-2 * i) / headWidth) / each);
  return { fields: base, factors };
}
