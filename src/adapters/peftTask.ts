import type { PeftLoraConfig } from '../hub/peft-config.ts';
import { isClassifier, readsImages, type TaskModel } from '../nn/model.ts';

/** What PEFT adds to modules_to_save of every SEQ_CLS adapter, though a model has one of them. */
export const sequenceHeads: readonly string[] = ['classifier', 'score'];

/** What PEFT's configs say of a model's task: an image classifier has no type of its own there, so its head is named. */
export function taskOf(
  model: TaskModel,
  modulesToSave: readonly string[] = [],
): Pick<PeftLoraConfig, 'taskType' | 'modulesToSave'> {
  if (!isClassifier(model)) return { taskType: 'CAUSAL_LM' };
  if (readsImages(model)) return { modulesToSave: [...new Set([...modulesToSave, ...model.headModules])] };
  return { taskType: 'SEQ_CLS' };
}
