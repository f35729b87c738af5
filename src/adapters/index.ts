import type { z } from 'zod';
import type { TaskModel } from '../nn/model.ts';
import type { Adapter } from './adapter.ts';
import { colaUnit } from './cola.ts';
import { fullUnit } from './full.ts';
import { headUnit } from './head.ts';
import { loraUnit } from './lora.ts';
import { ssfUnit } from './ssf.ts';
import type { AdapterUnit } from './unit.ts';

/** Every kind of adapter by the name that configs give it. */
export const adapterUnits = { lora: loraUnit, cola: colaUnit, ssf: ssfUnit, head: headUnit, none: fullUnit } as const;

export type AdapterType = keyof typeof adapterUnits;

type Schemas = { readonly [T in AdapterType]: (typeof adapterUnits)[T]['schema'] };

/** A config of any kind of adapter, told apart by its type. */
export type AdapterConfig = z.output<Schemas[AdapterType]>;

/** The kinds' schemas, as a discriminated union takes them. */
export const adapterSchemas = Object.values(adapterUnits).map(({ schema }) => schema) as unknown as readonly [
  Schemas[AdapterType],
  ...Schemas[AdapterType][],
];

/** The unit of a config's type, which takes that config. */
const unitOf = (config: AdapterConfig): AdapterUnit<string, z.ZodType<AdapterConfig>> => adapterUnits[config.type];

/** A new adapter as a config describes it. Throws on what does not fit the model. */
export function makeAdapter(config: AdapterConfig, model: TaskModel): Adapter {
  return unitOf(config).make(config, model);
}

/** Whether a config trains the model's own weights. */
export const trainsBase = (config: AdapterConfig): boolean => unitOf(config).trainsBase === true;
