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
