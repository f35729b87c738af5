import type { PeftLoraConfig } from '../hub/peft-config.ts';
import type { LanguageModel, ParameterSpec } from '../nn/model.ts';
import { at } from '../ir/graph.ts';
import type { AdapterPart } from './parts.ts';
import { type ReplacedTensor, replaceTensors } from './replaced.ts';
import { trainableTokens } from './trainableTokens.ts';

/** A tensor of the model by module and leaf; the head's, where it is tied, under its own name too. */
type Tensor = Omit<ReplacedTensor, 'file'>;

function tensorsOf(model: LanguageModel): Tensor[] {
  const tensorOf = ({ name, shape, decays }: ParameterSpec): Tensor[] => {
    const [, module, leaf] = /^(.+)\.(weight|bias)$/.exec(name) ?? [];
    return module === undefined || (leaf !== 'weight' && leaf !== 'bias')
      ? []
      : [{ module, leaf, from: name, shape, decays }];
  };
  const shape = [model.vocabSize, model.hiddenSize];
  const head: Tensor = { module: model.headModule, leaf: 'weight', from: model.head, shape, decays: true };
  return [...model.parameters.flatMap(tensorOf), ...(model.tied ? [head] : [])];
}

/** Tensors of the modules whose path, or a path above it, ends in one of the names: PEFT's rule. */
function savedModules(names: readonly string[], model: LanguageModel, targeted: ReadonlySet<string>): ReplacedTensor[] {
  const tensors = tensorsOf(model);
  const pathsOf = (module: string): string[] => {
    const parts = module.split('.');
    return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
  };
  const matches = (module: string, name: string): boolean => pathsOf(module).some((path) => path.endsWith(name));
  const missing = names.find((name) => !tensors.some(({ module }) => matches(module, name)));
  if (missing !== undefined)
    throw new RangeError(`Expected modulesToSave to name modules of the model but found ${missing}`);
  const chosen = tensors.filter(({ module }) => names.some((name) => matches(module, name)));
  const twice = chosen.find(({ module }) => targeted.has(module));
  if (twice) throw new TypeError(`Expected ${twice.module} in targetModules or in modulesToSave but found it in both`);
  return chosen.map((tensor) => ({ ...tensor, file: `${tensor.module}.${tensor.leaf}` }));
}

/** Biases of all modules, or of those with factors; PEFT saves the latter's under their base layer. */
function biases(which: 'all' | 'lora_only', model: LanguageModel, targeted: ReadonlySet<string>): ReplacedTensor[] {
  return tensorsOf(model)
    .filter(({ module, leaf }) => leaf === 'bias' && (which === 'all' || targeted.has(module)))
    .map((tensor) => ({
      ...tensor,
      file: `${tensor.module}${targeted.has(tensor.module) ? '.base_layer' : ''}.bias`,
    }));
}

function tokensPart(given: PeftLoraConfig['trainableTokenIndices'], model: LanguageModel): AdapterPart[] {
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
    return trainableTokens({ module, indices, width, tied: model.head === `${module}.weight` });
  });
}

/** What is trained beside the factors: whole modules, biases, single tokens. */
export function extraParts(config: PeftLoraConfig, model: LanguageModel, targeted: ReadonlySet<string>): AdapterPart[] {
  const { modulesToSave = [], bias = 'none', trainableTokenIndices } = config;
  const saved = savedModules(modulesToSave, model, targeted);
  const modules = new Set(saved.map(({ module }) => module));
  const biased = bias === 'none' ? [] : biases(bias, model, targeted).filter(({ module }) => !modules.has(module));
  const replaced = [...saved, ...biased];
  return [...(replaced.length > 0 ? [replaceTensors(replaced)] : []), ...tokensPart(trainableTokenIndices, model)];
}
