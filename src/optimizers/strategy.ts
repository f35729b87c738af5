/** A point beside the parameters: θ + scale ε_noise, ε_noise ~ N(0, I) made from the seed, the step and its number alone. */
export interface Perturbation {
  readonly noise: number;
  readonly scale: number;
}

/**
 * An optimizer without gradients: it asks how good points beside the parameters are and, told their scores, says where to
 * go. Noise is never kept, only its number.
 */
export interface Strategy {
  readonly name: string;
  /** Whether tensors draw from one stream, so that those of equal shape get equal noise; else each has its own. */
  readonly sharedNoise: boolean;
  /** The points that a step asks for. */
  ask(): readonly Perturbation[];
  /** The direction Σ scale ε_noise that the parameters go, by the learning rate, to higher scores: one score for each point, null where there is none. */
  tell(scores: readonly (number | null)[]): readonly Perturbation[];
}
