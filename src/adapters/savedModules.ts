import { isClassifier, type ParameterSpec, type TaskModel } from '../nn/model.ts';
import type { ReplacedTensor } from './replaced.ts';

/** A tensor of the model by module and leaf. */
export type Tensor = Omit<ReplacedTensor, 'file'>;

/** All of a model's; the head's, where it is tied, under its own name too. */
export function tensorsOf(model: TaskModel): Tensor[] {
  const tensorOf = ({ name, shape, decays }: ParameterSpec): Tensor[] => {
    const [, module, leaf] = /^(.+)\.(weight|bias)$/.exec(name) ?? [];
    return module === undefined || (leaf !== 'weight' && leaf !== 'bias')
      ? []
      : [{ module, leaf, from: name, shape, decays }];
  };
  const own = model.parameters.flatMap(tensorOf);
  if (isClassifier(model) || !model.tied) return own;
  const shape = [model.vocabSize, model.hiddenSize];
  return [...own, { module: model.headModule, leaf: 'weight', from: model.head, shape, decays: true }];
}

/** A module's path and those above it. */
export function pathsOf(module: string): string[] {
  const parts = module.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}

/** Tensors, by module, of the modules whose path, or a path above it, ends in one of the names: PEFT's rule. */
export function savedModules(names: readonly string[], model: TaskModel): ReadonlyMap<string, readonly Tensor[]> {
  const saved = tensorsOf(model).filter(({ module }) =>
    pathsOf(module).some((path) => names.some((name) => path.endsWith(name))),
  );
  return new Map(saved.map(({ module }) => [module, saved.filter((each) => each.module === module)]));
}

/** The same under the names that PEFT's files have for trained copies. */
export const asSaved = (tensors: readonly Tensor[]): ReplacedTensor[] =>
  tensors.map((tensor) => ({ ...tensor, file: `${tensor.module}.${tensor.leaf}` }));

/** Trained copies of a classifier's head, which a new task needs; none of other models. */
export function trainedHead(model: TaskModel): ReplacedTensor[] {
  const heads: readonly string[] = isClassifier(model) ? model.headModules : [];
  return asSaved(tensorsOf(model).filter(({ module }) => heads.includes(module)));
}
