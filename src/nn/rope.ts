import type { RotaryFrequencies } from '../ir/ops/rotary.ts';
import { describe } from '../ir/errors.ts';
import type { Fields } from './fields.ts';

export interface RopeContext {
  readonly base: number;
  /** Rotated channels of a head. */
  readonly width: number;
  readonly maxPositions: number;
}

type RopeType = (parameters: Fields, context: RopeContext) => RotaryFrequencies;

/** θ_i = base^(-2i/width) (Su et al. 2021, §3.2.2). */
function defaultFrequencies({ base, width }: RopeContext): number[] {
  return Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width));
}

/** All positions divided by `factor` (Chen et al. 2023, arXiv:2306.15595). */
const linear: RopeType = (parameters, context) => {
  const factor = parameters.number('factor');
  return { inverseFrequencies: defaultFrequencies(context).map((theta) => theta / factor), attentionFactor: 1 };
};

/** Long wavelengths divided by `factor`, short ones kept, a ramp between (Llama 3.1). */
const llama3: RopeType = (parameters, context) => {
  const factor = parameters.number('factor');
  const low = parameters.number('low_freq_factor');
  const high = parameters.number('high_freq_factor');
  const original = parameters.number('original_max_position_embeddings', context.maxPositions);
  const inverseFrequencies = defaultFrequencies(context).map((theta) => {
    const wavelength = (2 * Math.PI) / theta;
    if (wavelength < original / high) return theta;
    if (wavelength > original / low) return theta / factor;
    const smooth = (original / wavelength - low) / (high - low);
    return ((1 - smooth) * theta) / factor + smooth * theta;
  });
  return { inverseFrequencies, attentionFactor: 1 };
};

/** NTK-by-parts with a temperature on attention (Peng et al. 2023, arXiv:2309.00071, eqs. 17-22). */
const yarn: RopeType = (parameters, context) => {
  const { base, width, maxPositions } = context;
  const factor = parameters.number('factor');
  const original = parameters.number('original_max_position_embeddings', maxPositions);
  const scaleOf = (mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  const mscale = parameters.number('mscale', 0);
  const mscaleAll = parameters.number('mscale_all_dim', 0);
  const standard = mscale !== 0 && mscaleAll !== 0 ? scaleOf(mscale) / scaleOf(mscaleAll) : scaleOf(1);
  const truncate = parameters.boolean('truncate', true);
  /** The channel pair that turns `rotations` times within the original context. */
  const pairOf = (rotations: number): number =>
    (width * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(base));
  const fast = pairOf(parameters.number('beta_fast', 32));
  const slow = pairOf(parameters.number('beta_slow', 1));
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const end = Math.min(truncate ? Math.ceil(slow) : slow, width - 1);
  const high = low === end ? end + 0.001 : end;
  const inverseFrequencies = defaultFrequencies(context).map((theta, pair) => {
    const interpolated = Math.min(1, Math.max(0, (pair - low) / (high - low)));
    return (interpolated * theta) / factor + (1 - interpolated) * theta;
  });
  return { inverseFrequencies, attentionFactor: parameters.number('attention_factor', standard) };
};

const ropeTypes: Readonly<Record<string, RopeType>> = {
  default: (_parameters, context) => ({ inverseFrequencies: defaultFrequencies(context), attentionFactor: 1 }),
  linear,
  llama3,
  yarn,
};

/**
 * Frequencies by the parameters of one rotary embedding, `rope_type` (formerly `type`) among them. Throws TypeError naming a
 * type that is not known and a field that has no effect here.
 */
export function rotaryFrequencies(parameters: Fields | undefined, context: RopeContext): RotaryFrequencies {
  if (context.width % 2 !== 0)
    throw new RangeError(`Expected an even number of rotated channels but found ${context.width}`);
  if (!parameters) return { inverseFrequencies: defaultFrequencies(context), attentionFactor: 1 };
  const type = parameters.string('rope_type', parameters.string('type', 'default'));
  const frequencies = Object.hasOwn(ropeTypes, type) ? ropeTypes[type]?.(parameters, context) : undefined;
  if (!frequencies) {
    throw new TypeError(`Expected a rope_type of ${Object.keys(ropeTypes).join(', ')} but found ${describe(type)}`);
  }
  const unread = parameters.unread();
  if (unread.length > 0)
    throw new TypeError(`Expected fields of rope_type ${type} but found ${describe(unread.join(', '))}`);
  return frequencies;
}

/**
 * Frequencies of a config's rotary embedding, of the new form (`rope_parameters`) and the old (`rope_theta`,
 * `rope_scaling`).
 */
export function ropeFrequencies(config: Fields, headWidth: number, maxPositions: number): RotaryFrequencies {
  const scaling = config.object('rope_scaling');
  const parameters = config.object('rope_parameters') ?? scaling;
  const oldTheta = config.number('rope_theta', 10000);
  const base = parameters ? parameters.number('rope_theta', oldTheta) : oldTheta;
  const oldPartial = config.number('partial_rotary_factor', 1);
  const partial = parameters ? parameters.number('partial_rotary_factor', oldPartial) : oldPartial;
  if (!(partial > 0 && partial <= 1))
    throw new RangeError(`partial_rotary_factor: expected a share in (0, 1] but found ${partial}`);
  return rotaryFrequencies(parameters, { base, width: Math.floor(headWidth * partial), maxPositions });
}
