import type { MethodConfig } from '../loop/compare/methods.ts';
import type { PairProbe } from '../probes/probe.ts';
import type { SurgeryUnit } from '../surgery/surgery.ts';

/** How a recipe's method is used on a model and data of one's own. */
export interface RecipeUse {
  /** What to merge into a run's config: `tune({ ...mine, ...use.config }, …)`, or a method of `compare`. */
  readonly config?: Omit<MethodConfig, 'model'>;
  /** What to measure a pair of models with: `measureChange(use.probe, { before, after })`. */
  readonly probe?: PairProbe;
  /** What to make of tuned models: `operateOn(use.surgery, { base, models, out })`. */
  readonly surgery?: SurgeryUnit;
}

/** The same with units by their names, as JSON holds it. */
export const namedUse = ({ config, probe, surgery }: RecipeUse): Readonly<Record<string, unknown>> => ({
  ...(config ? { config } : {}),
  ...(probe ? { probe: probe.type } : {}),
  ...(surgery ? { surgery: surgery.type } : {}),
});
