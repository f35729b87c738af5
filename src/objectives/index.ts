import type { z } from 'zod';
import { dftUnit } from './dft.ts';
import { dpoUnit } from './dpo.ts';
import { grpoUnit } from './grpo.ts';
import { iftUnit } from './ift.ts';
import type { AnyObjective } from './objective.ts';
import { orpoUnit } from './orpo.ts';
import { rewardUnit } from './reward.ts';
import { sftUnit } from './sft.ts';
import type { ObjectiveUnit } from './unit.ts';

/** Every kind of objective by the name that configs give it. */
export const objectiveUnits = {
  sft: sftUnit,
  dft: dftUnit,
  ift: iftUnit,
  dpo: dpoUnit,
  orpo: orpoUnit,
  grpo: grpoUnit,
  reward: rewardUnit,
} as const;

export type ObjectiveType = keyof typeof objectiveUnits;

type Schemas = { readonly [T in ObjectiveType]: (typeof objectiveUnits)[T]['schema'] };

/** A config of any kind of objective, told apart by its type. */
export type ObjectiveConfig = z.output<Schemas[ObjectiveType]>;

/** The kinds' schemas, as a discriminated union takes them. */
export const objectiveSchemas = Object.values(objectiveUnits).map(({ schema }) => schema) as unknown as readonly [
  Schemas[ObjectiveType],
  ...Schemas[ObjectiveType][],
];

/** The objective of a config. */
export function makeObjective(config: ObjectiveConfig): AnyObjective {
  const unit = objectiveUnits[config.type] as unknown as ObjectiveUnit<z.ZodType<ObjectiveConfig>>;
  return unit.make(config);
}
