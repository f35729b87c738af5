import { z } from 'zod';
import type { LoraInit, PeftLoraConfig } from '../hub/peft-config.ts';

const name = z.string().min(1);
const names = z.union([name, z.array(name).min(1)]);
const count = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const index = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** PEFT's init_lora_weights, true and false as text too, since options are text. */
const inits = z.union([
  z.enum(['true', 'false', 'gaussian', 'pissa', 'olora']),
  z.templateLiteral(['pissa_niter_', z.number().int().min(0)]),
  z.boolean(),
]);

/** LoRA's part of a run's config; PEFT's keys in camelCase. */
export const loraSchema = z.strictObject({
  // Optional inside the default: an adapter without a type is a LoRA.
  type: z.literal('lora').optional().default('lora').describe('a low-rank adapter'),
  r: count.default(16).describe('Rank of the two factors'),
  alpha: z.number().positive().default(32).describe('The factors count alpha / r'),
  dropout: z.number().min(0).lt(1).default(0).describe("Share of the factors' inputs that is dropped while training"),
  targetModules: names
    .default('all-linear')
    .describe('Names of linear layers, embeddings or the head, a regular expression for their paths, or all-linear'),
  excludeModules: names.optional().describe('Names or a regular expression of layers that are left out'),
  layersToTransform: z
    .array(index)
    .min(1)
    .optional()
    .describe('Numbers of the blocks whose layers are adapted; all unless given'),
  layersPattern: names.optional().describe("Name of the list of blocks, where the model's own is unusual"),
  rankPattern: z.record(name, count).default({}).describe('Other ranks for layers whose path ends in a pattern'),
  alphaPattern: z
    .record(name, z.number().positive())
    .default({})
    .describe('Other alphas for layers whose path ends in a pattern'),
  useRslora: z.boolean().default(false).describe('The factors count alpha / √r instead'),
  useDora: z.boolean().default(false).describe('Trains magnitude and direction of each layer apart (DoRA)'),
  initLoraWeights: inits
    .default('true')
    .describe(
      'How the factors start: true with B at zero, gaussian with A normal, pissa and olora with a part of the weights, which leave the model as it is; false with both drawn',
    ),
  bias: z.enum(['none', 'all', 'lora_only']).default('none').describe('Biases of the base that are trained too'),
  loraBias: z.boolean().default(false).describe('Gives the second factor a bias'),
  modulesToSave: z
    .array(name)
    .min(1)
    .optional()
    .describe('Names of modules that are trained whole and saved with the adapter'),
  trainableTokenIndices: z
    .array(index)
    .min(1)
    .optional()
    .describe('Token ids whose rows of the embedding are trained, and those of a head tied to it'),
  init: name.optional().describe('PEFT adapter folder or id to start from; its options hold'),
});

type LoraOptions = z.output<typeof loraSchema>;

const initOf = (init: LoraOptions['initLoraWeights']): LoraInit =>
  init === 'true' || init === 'false' ? init === 'true' : init;

const given = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: V });

/** The options as PEFT's LoraConfig has them. */
export function loraConfigOf(options: LoraOptions): PeftLoraConfig {
  const { r, alpha, dropout, useRslora, targetModules, rankPattern, alphaPattern, useDora, bias, loraBias } = options;
  return {
    r,
    loraAlpha: alpha,
    loraDropout: dropout,
    useRslora,
    targetModules,
    rankPattern,
    alphaPattern,
    initLoraWeights: initOf(options.initLoraWeights),
    useDora,
    bias,
    loraBias,
    ...given('excludeModules', options.excludeModules),
    ...given('layersToTransform', options.layersToTransform),
    ...given('layersPattern', options.layersPattern),
    ...given('modulesToSave', options.modulesToSave),
    ...given('trainableTokenIndices', options.trainableTokenIndices),
  };
}
