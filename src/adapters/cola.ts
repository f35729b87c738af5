import { z } from 'zod';
import { peftConfigJson, type PeftLoraConfig } from '../hub/peft-config.ts';
import { concat } from '../ir/ops/concat.ts';
import type { TaskModel } from '../nn/model.ts';
import { type Site, wrapSites } from '../nn/sites.ts';
import type { Adapter, AdapterContext, AdapterState, BetweenSteps, Merge } from './adapter.ts';
import { lora } from './lora.ts';
import { loraSchema } from './loraConfig.ts';
import { addLowRank, addLowRankTransposed } from './lowRank.ts';
import { loraNames, zeros } from './loraModule.ts';
import { taskOf } from './peftTask.ts';
import type { AdapterUnit } from './unit.ts';

const { r, alpha, dropout, targetModules } = loraSchema.shape;

const schema = z.strictObject({
  type: z.literal('cola').describe('a chain of low-rank adapters'),
  r,
  alpha,
  dropout,
  targetModules,
  links: z.number().int().min(1).max(1000).default(3).describe('Pairs of factors that are trained one after another'),
});

type ColaConfig = z.output<typeof schema>;

/** A linear module with its pair, and the pairs of the links before it. */
interface Chained {
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly transposed: boolean;
}

const pastNames = (name: string) => ({ a: `${name}.cola_past_A`, b: `${name}.cola_past_B` });

/** Rows of A of all links, the one under way first. */
function joinedA(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Columns of B [out, rank] of the link under way and of the past, side by side. */
function joinedB(own: Float32Array, past: Float32Array, rank: number, pastRank: number): Float32Array {
  const width = rank + pastRank;
  return Float32Array.from({ length: (own.length / rank) * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return column < rank ? (own[row * rank + column] ?? 0) : (past[row * pastRank + column - rank] ?? 0);
  });
}

/** Ties a knot: the pair of link m goes to the others, and a new one starts. */
async function tie(modules: readonly Chained[], config: ColaConfig, link: number, steps: BetweenSteps): Promise<void> {
  const { r: rank, links } = config;
  const pastRank = rank * (links - 1);
  for (const { name, outFeatures } of modules) {
    const [own, past] = [loraNames(name), pastNames(name)];
    const [a, b] = [await steps.values(own.a), await steps.values(own.b)];
    const [pastA, pastB] = [await steps.values(past.a), await steps.values(past.b)];
    pastA.set(a, (link - 1) * a.length);
    for (let row = 0; row < outFeatures; row++) {
      pastB.set(b.subarray(row * rank, (row + 1) * rank), row * pastRank + (link - 1) * rank);
    }
    await steps.renew(own.a);
    await steps.renew(own.b);
  }
  await steps.resetOptimizers();
}

/** The link that ends after a step: link m of M after ⌈m T / M⌉ of T steps. */
export function linkEndingAt(step: number, steps: number, links: number): number | undefined {
  const ends = Array.from({ length: links - 1 }, (_, m) => Math.ceil(((m + 1) * steps) / links));
  const link = ends.lastIndexOf(step) + 1;
  return link === 0 ? undefined : link;
}

/**
 * Chain of LoRA: W + Σ_m s B_m A_m, one pair after another trained on top of those before, each from a new A and B = 0 with
 * the optimizer's memory cleared; the learning rate goes on. Xia, Qin & Hazan 2024, Chain of LoRA, algorithm 1. The paper merges
 * a finished pair into W; here it stays beside W, which is the same function, leaves a quantised base as it is, and is saved as
 * one LoRA of rank M r.
 */
export function cola(config: ColaConfig, model: TaskModel): Adapter {
  const { r: rank, alpha: loraAlpha, links } = config;
  const options: PeftLoraConfig = {
    r: rank,
    loraAlpha,
    loraDropout: config.dropout,
    useRslora: false,
    targetModules: config.targetModules,
    rankPattern: {},
    alphaPattern: {},
    initLoraWeights: true,
    ...taskOf(model),
  };
  const single = lora(options, model);
  const isTrained = new Set(single.parameters.map(({ name }) => name));
  const modules = model.linears.flatMap(({ name, inFeatures, outFeatures, transposed = false }): Chained[] =>
    isTrained.has(loraNames(name).a) ? [{ name, inFeatures, outFeatures, transposed }] : [],
  );
  if (2 * modules.length !== single.parameters.filter(({ name }) => name.includes('.lora_')).length)
    throw new TypeError('adapter.targetModules: expected linear layers for cola but found an embedding or the head');
  const chained = new Set(modules.map(({ name }) => name));
  const pastRank = rank * (links - 1);
  const scale = loraAlpha / rank;
  const states: AdapterState[] = modules.flatMap(({ name, inFeatures, outFeatures }) =>
    pastRank === 0
      ? []
      : [
          { name: pastNames(name).a, shape: [pastRank, inFeatures], initialize: zeros },
          { name: pastNames(name).b, shape: [outFeatures, pastRank], initialize: zeros },
        ],
  );
  const withPast =
    ({ param }: AdapterContext): Site<'linear'> =>
    (operands, base, name) => {
      if (!chained.has(name) || pastRank === 0) return base(operands);
      const past = pastNames(name);
      const [a, b] = [param(past.a), param(past.b)];
      const { lowRank } = operands;
      const joined = lowRank ? { a: concat([lowRank.a, a], 0), b: concat([lowRank.b, b], 1) } : { a, b };
      return base({ ...operands, lowRank: { ...joined, scale } });
    };
  const pastMerges = modules.map(({ name, transposed }): Merge => ({
    name: `${name}.weight`,
    apply: (values, param) => {
      const past = pastNames(name);
      const factors = { a: param(past.a), b: param(past.b), rank: pastRank, scale };
      if (transposed) addLowRankTransposed(values, factors);
      else addLowRank(values, factors);
    },
  }));
  const { peft, merges } = single;
  const joinedConfig = { ...peft?.config, ...ranksOf(options, links) };
  return {
    ...single,
    type: 'cola',
    states,
    sites: (context) => wrapSites(single.sites(context), wrapSites({ linear: withPast(context) })),
    betweenSteps: (step, steps) => {
      const link = linkEndingAt(step, steps, links);
      return link === undefined ? undefined : (between) => tie(modules, config, link, between);
    },
    merges: 'cannot' in merges || pastRank === 0 ? merges : [...merges, ...pastMerges],
    ...(peft && {
      peft: {
        ...peft,
        summary: `Chain of ${links} LoRAs of rank ${rank}, alpha ${loraAlpha}, as one`,
        convert: (values) => ({
          config: joinedConfig,
          tensors: single.parameters.map(({ name, file = name, shape }) => {
            const module = modules.find((each) => name.startsWith(`${each.name}.lora_`));
            if (!module || pastRank === 0) return { name: file, shape, values: values(name) };
            const past = pastNames(module.name);
            return name.endsWith('.lora_A.weight')
              ? {
                  name: file,
                  shape: [rank * links, module.inFeatures],
                  values: joinedA([values(name), values(past.a)]),
                }
              : {
                  name: file,
                  shape: [module.outFeatures, rank * links],
                  values: joinedB(values(name), values(past.b), rank, pastRank),
                };
          }),
        }),
      },
    }),
  };
}

/** Rank and alpha of all links as one LoRA: the scale α/r stays. */
function ranksOf(options: PeftLoraConfig, links: number): Readonly<Record<string, unknown>> {
  const whole = peftConfigJson({ ...options, r: options.r * links, loraAlpha: options.loraAlpha * links });
  return { r: whole['r'], lora_alpha: whole['lora_alpha'] };
}

export const colaUnit: AdapterUnit<'cola', typeof schema> = {
  type: 'cola',
  schema,
  make: (config, model) => cola(config, model),
};
