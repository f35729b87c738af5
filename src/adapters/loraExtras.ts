import type { PeftLoraConfig } from '../hub/peft-config.ts';
import { isClassifier, type TaskModel } from '../nn/model.ts';
import { at } from '../ir/graph.ts';
import type { AdapterPart } from './parts.ts';
import { sequenceHeads } from './peftTask.ts';
import { type ReplacedTensor, replaceTensors } from './replaced.ts';
import { asSaved, savedModules, tensorsOf } from './savedModules.ts';
import { trainableTokens } from './trainableTokens.ts';

/** Trained copies of the modules that are named. Throws on a name that no module has, and on a module that has factors too. */
function savedTensors(names: readonly string[], model: TaskModel, targeted: ReadonlySet<string>): ReplacedTensor[] {
  const optional = isClassifier(model) ? sequenceHeads : [];
  const missing = names.find((name) => !optional.includes(name) && savedModules([name], model).size === 0);
  if (missing !== undefined)
    throw new RangeError(`Expected modulesToSave to name modules of the model but found ${missing}`);
  const saved = savedModules(names, model);
  const twice = [...saved.keys()].find((module) => targeted.has(module));
  if (twice !== undefined)
    throw new TypeError(`Expected ${twice} in targetModules or in modulesToSave but found it in both`);
  return asSaved([...saved.values()].flat());
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
