import { z } from 'zod';
import { type DataStep, type DataStepUnit, dataStepUnit } from './dataStep.ts';
import { maskedThoughtUnit } from './maskedThought.ts';

/** The data as they are. */
const noneUnit = dataStepUnit({
  schema: z.strictObject({
    type: z.literal('none').default('none'),
  }),
  make: () => undefined,
});

/** Every kind of data step by the name that configs give it. */
export const dataStepUnits = { none: noneUnit, 'masked-thought': maskedThoughtUnit } as const;

export type DataStepType = keyof typeof dataStepUnits;

type Schemas = { readonly [T in DataStepType]: (typeof dataStepUnits)[T]['schema'] };

/** A config of any kind of data step, told apart by its type. */
export type DataStepConfig = z.output<Schemas[DataStepType]>;

/** The kinds' schemas, as a discriminated union takes them. */
export const dataStepSchemas = Object.values(dataStepUnits).map(({ schema }) => schema) as unknown as readonly [
  Schemas[DataStepType],
  ...Schemas[DataStepType][],
];

/** The data step of a config; undefined where the data stay as they are. */
export function makeDataStep(config: DataStepConfig): DataStep | undefined {
  const unit = dataStepUnits[config.type] as unknown as DataStepUnit<z.ZodType<DataStepConfig>>;
  return unit.make(config);
}
