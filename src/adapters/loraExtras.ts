import type { PeftLoraConfig } from '../hub/peft-config.ts';
import { isClassifier, type ParameterSpec, readsImages, type TaskModel } from '../nn/model.ts';
import { at } from '../ir/graph.ts';
import type { AdapterPart } from './parts.ts';
import { type ReplacedTensor, replaceTensors } from './replaced.ts';
import { trainableTokens } from './trainableTokens.ts';

/** A tensor of the model by module and leaf; the head's, where it is tied, under its own name too. */
type Tensor = Omit<ReplacedTensor, 'file'>;

function tensorsOf(model: TaskModel): Tensor[] {
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

/** Names that PEFT adds to modules_to_save of every classifier; a model has one of them. */
export const classifierModules: readonly string[] = ['classifier', 'score'];

/** What transformers calls the head of an image classifier. */
const imageHead = 'classifier';

/** What PEFT's configs say of a model's task: an image classifier has no type of its own there, so its head is named. */
export function taskOf(
  model: TaskModel,
  modulesToSave: readonly string[] = [],
): Pick<PeftLoraConfig, 'taskType' | 'modulesToSave'> {
  if (readsImages(model)) return { modulesToSave: [...new Set([...modulesToSave, imageHead])] };
  return { taskType: isClassifier(model) ? 'SEQ_CLS' : 'CAUSAL_LM' };
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

/** Trained copies of the modules that are named. Throws on a name that no module has, and on a module that has factors too. */
function savedTensors(names: readonly string[], model: TaskModel, targeted: ReadonlySet<string>): ReplacedTensor[] {
  const optional = isClassifier(model) ? classifierModules : [];
  const missing = names.find((name) => !optional.includes(name) && savedModules([name], model).size === 0);
  if (missing !== undefined)
    throw new RangeError(`Expected modulesToSave to name modules of the model but found ${missing}`);
  const saved = savedModules(names, model);
  const twice = [...saved.keys()].find((module) => targeted.has(module));
  if (twice !== undefined)
    throw new TypeError(`Expected ${twice} in targetModules or in modulesToSave but found it in both`);
  return [...saved.values()].flat().map((tensor) => ({ ...tensor, file: `${tensor.module}.${tensor.leaf}` }));
}

/** Biases of all modules, or of those with factors; PEFT saves the latter's under their base layer. */
function biases(which: 'all' | 'lora_only', model: TaskModel, targeted: ReadonlySet<string>): ReplacedTensor[] {
  return tensorsOf(model)
    .filter(({ module, leaf }) => leaf === 'bias' && (which === 'all' || targeted.has(module)))
    .map((tensor) => ({
      ...tensor,
      file: `${tensor.module}${targeted.has(tensor.module) ? '.base_layer' : ''}.bias`,
    }));
}

/** Rows of embeddings; TypeError where `trained` modules hold all of them. */
function tokensPart(
  given: PeftLoraConfig['trainableTokenIndices'],
  model: TaskModel,
  trained: (module: string) => boolean,
): AdapterPart[] {
  if (given === undefined) return [];
  const byName = Array.isArray(given)
    ? [[at(model.embeddings, 0).name, given as readonly number[]] as const]
    : Object.entries(given as Readonly<Record<string, readonly number[]>>);
  return byName.map(([name, tokens]) => {
    const embedding = model.embeddings.find((each) => each.name === name || each.name.endsWith(`.${name}`));
    if (!embedding)
      throw new RangeError(`Expected trainableTokenIndices of an embedding but found ${name}, which is none`);
    const outside = tokens.find((token) => token >= embedding.count);
    if (outside !== undefined)
      throw new RangeError(`Expected trainableTokenIndices below ${embedding.count} but found ${outside}`);
    const indices = [...new Set(tokens)];
    if (indices.length < tokens.length)
      throw new RangeError('Expected trainableTokenIndices once each but found one twice');
    const { name: module, width } = embedding;
    const head = !isClassifier(model) && model.head === `${module}.weight` ? model.headModule : undefined;
    const twice = [module, ...(head === undefined ? [] : [head])].find(trained);
    if (twice !== undefined)
      throw new TypeError(
        `Expected trainableTokenIndices of a module that is not trained otherwise but found ${twice}`,
      );
    return trainableTokens({ module, indices, width, tied: head !== undefined });
  });
}

/** What is trained beside the factors: whole modules, biases, single tokens. */
export function extraParts(config: PeftLoraConfig, model: TaskModel, targeted: ReadonlySet<string>): AdapterPart[] {
  const { modulesToSave = [], bias = 'none', trainableTokenIndices } = config;
  const saved = savedTensors(modulesToSave, model, targeted);
  const modules = new Set(saved.map(({ module }) => module));
  const biased = bias === 'none' ? [] : biases(bias, model, targeted).filter(({ module }) => !modules.has(module));
  const replaced = [...saved, ...biased];
  const adapted = new Set(model.embeddings.flatMap(({ name }) => (targeted.has(name) ? [name] : [])));
  const trained = (module: string): boolean => modules.has(module) || adapted.has(module);
  return [
    ...(replaced.length > 0 ? [replaceTensors(replaced)] : []),
    ...tokensPart(trainableTokenIndices, model, trained),
  ];
}
