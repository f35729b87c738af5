import { add } from '../ir/ops/add.ts';
import { keepMask } from '../ir/ops/keepMask.ts';
import { linear } from '../ir/ops/linear.ts';
import { mul } from '../ir/ops/mul.ts';
import { where } from '../ir/ops/where.ts';
import { hashName, type RandomKey } from '../ir/random.ts';
import type { Value } from '../ir/graph.ts';
import { dimAt } from '../ir/types.ts';
import type { PeftLoraConfig } from '../hub/peft.ts';
import { rankOf, scaleOf, targetsModule } from '../hub/peft-target.ts';
import type { LanguageModel, LinearSpec } from '../nn/model.ts';
import { type SiteOperands, wrapSites } from '../nn/sites.ts';
import type { RandomService } from '../runtime/random.ts';
import type { Adapter, AdapterContext, AdapterParameter, DropoutInputs } from './adapter.ts';

/** Names of a module's factors, as PEFT's files have them after `base_model.model.`. */
export const factorNames = (module: string): readonly [a: string, b: string] => [
  `${module}.lora_A.weight`,
  `${module}.lora_B.weight`,
];

/** U(-1/√in, 1/√in): kaiming_uniform with a = √5, as torch's and PEFT's default has it. */
async function initializeA(
  values: Float32Array,
  key: RandomKey,
  random: RandomService,
  inFeatures: number,
): Promise<void> {
  await random.fillUniform(values, key);
  const bound = 1 / Math.sqrt(inFeatures);
  for (let i = 0; i < values.length; i++) values[i] = ((values[i] ?? 0) * 2 - 1) * bound;
}

function parametersOf(module: LinearSpec, r: number): AdapterParameter[] {
  const [a, b] = factorNames(module.name);
  return [
    {
      name: a,
      shape: [r, module.inFeatures],
      initialize: (values, key, random) => initializeA(values, key, random, module.inFeatures),
    },
    { name: b, shape: [module.outFeatures, r], initialize: async (values) => void values.fill(0) },
  ];
}

/** x / keep where the mask keeps it, else 0. */
function drop(x: Value, rate: number, name: string, { key, examples, positions }: DropoutInputs): Value {
  const keep = 1 - rate;
  const mask = keepMask(key, examples, positions, { width: dimAt(x.type.shape, -1), keep, stream: hashName(name) });
  return mul(where(mask, x, 0), 1 / keep);
}

/**
 * LoRA: y = x Wᵀ + (α/r) dropout(x) Aᵀ Bᵀ, rsLoRA with α/√r (Hu et al. 2021, eq. 3; Kalajdzievski 2023, eq. 4); target
 * modules, patterns and scaling as PEFT's LoraConfig. Throws RangeError when no module is targeted and TypeError on an
 * initialisation that is not known here.
 */
export function lora(config: PeftLoraConfig, model: LanguageModel): Adapter {
  const resolved = { ...config, targetModules: config.targetModules ?? model.defaultTargets };
  const targets = model.linears.filter(({ name }) => targetsModule(resolved, name));
  const isAll = typeof resolved.targetModules === 'string' && resolved.targetModules.toLowerCase() === 'all-linear';
  for (const [path, what] of [
    [model.headModule, 'the output head'],
    ...model.embeddings.map(({ name }) => [name, 'the embedding'] as const),
  ] as const) {
    if (!isAll && targetsModule(resolved, path))
      throw new TypeError(`LoRA on ${what} (${path}) is not supported: leave it out of the target modules`);
  }
  if (targets.length === 0) {
    const endings = [...new Set(model.linears.map(({ name }) => name.split('.').at(-1)))];
    throw new RangeError(
      `Expected target modules among ${endings.join(', ')} or all-linear but ${JSON.stringify(resolved.targetModules)} matches none`,
    );
  }
  if (config.initLoraWeights !== true) {
    throw new TypeError(`Expected init_lora_weights true but found ${JSON.stringify(config.initLoraWeights)}`);
  }
  const names = new Set(targets.map(({ name }) => name));
  const adapted = (context: AdapterContext, { x, weight, bias }: SiteOperands['linear'], name: string): Value => {
    const [aName, bName] = factorNames(name);
    const a = context.param(aName);
    const b = context.param(bName);
    const scale = scaleOf(config, name);
    if (config.loraDropout === 0 || !context.dropout) return linear(x, weight, bias, { a, b, scale });
    const low = linear(drop(x, config.loraDropout, name, context.dropout), a);
    return add(linear(x, weight, bias), mul(linear(low, b), scale));
  };
  return {
    type: 'lora',
    base: 'frozen',
    parameters: targets.flatMap((module) => parametersOf(module, rankOf(config, module.name))),
    drops: config.loraDropout > 0,
    sites: (context) =>
      wrapSites({
        linear: (operands, base, name) => (names.has(name) ? adapted(context, operands, name) : base(operands)),
      }),
  };
}
