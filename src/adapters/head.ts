import { z } from 'zod';
import { isClassifier, type TaskModel } from '../nn/model.ts';
import type { Adapter } from './adapter.ts';
import { combineParts } from './parts.ts';
import { taskOf } from './peftTask.ts';
import { replaceTensors } from './replaced.ts';
import { trainedHead } from './savedModules.ts';
import type { AdapterUnit } from './unit.ts';

/** A linear probe: a classifier's head is trained, the rest frozen. TypeError on a model without one. */
export function head(model: TaskModel): Adapter {
  if (!isClassifier(model))
    throw new TypeError(`adapter.type: expected a classifier for head but this ${model.type} is a language model`);
  return {
    type: 'head',
    ...combineParts([replaceTensors(trainedHead(model))]),
    drops: false,
    peft: {
      config: { peft_type: 'HEAD', task_type: taskOf(model).taskType ?? null },
      summary: "A classifier's head alone, which PEFT does not have: it loads in tuneloop",
    },
  };
}

const schema = z.strictObject({ type: z.literal('head').describe('the head of a classifier alone') });

export const headUnit: AdapterUnit<'head', typeof schema> = {
  type: 'head',
  schema,
  make: (_config, model) => head(model),
  peft: {
    type: 'HEAD',
    describe: (_config, tensors) => ({ modules: tensors.filter((name) => name.endsWith('.weight')).length }),
    read: (_config, _tensors, model) => head(model),
  },
};
