import { z } from 'zod';
import { schedules, type ScheduleType } from '../optimizers/schedule.ts';

/** Raised whenever a config of an earlier version would be read differently. */
export const schemaVersion = 1;

const count = (least: number) => z.number().int().min(least).max(Number.MAX_SAFE_INTEGER);
const rate = z.number().min(0).lt(1);
const path = z.string().min(1);
/** One text or several, which may hold commas. */
const paths = z.union([path, z.array(path).min(1)]).meta({ list: 'texts' });

const model = z.strictObject({
  path: path.describe('Hugging Face id (org/name, org/name@revision), checkpoint folder or .gguf file to start from'),
});

const data = z.strictObject({
  path: paths.describe(
    'Training data: .jsonl, .json, .csv, .tsv (also with .gz) or .parquet files, folders, patterns or Hugging Face ids (org/name); several are mixed',
  ),
  weights: z
    .array(z.number().positive())
    .min(1)
    .optional()
    .describe('How many times an epoch goes through each of several data sets; 1 unless given'),
  split: path.default('train').describe('Split of a data set on the hub'),
  config: path.optional().describe('Configuration (subset) of a data set on the hub'),
  evalPath: paths.optional().describe('Evaluation data, in the same formats'),
  evalSplit: path
    .optional()
    .describe(
      "Split of a data set on the hub to evaluate on: data.evalPath's (validation unless given), or without it the training data's own",
    ),
  evalShare: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('Share of the examples that is left out of training, by the seed, to evaluate on'),
  formatter: path
    .optional()
    .describe(
      'Module whose function formatter (or default) makes of a row the fields of an example, several, or null to leave it out',
    ),
  columns: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe("Renames columns: prompt=question,completion=answer reads the file's question as prompt"),
  maxLength: count(2).default(1024).describe('Longest example in tokens; the rest is cut off'),
  packing: z.boolean().default(false).describe('Packs several examples into one row; they do not see each other'),
  loss: z
    .enum(['auto', 'completion', 'all', 'assistant'])
    .default('auto')
    .describe('Tokens that are learned; auto is the completion where there is one, else all'),
  shuffle: z.boolean().default(true).describe('Another order of the examples in every epoch'),
  memoryMb: count(1)
    .default(1024)
    .describe('Tokens held in memory, in MB; the rest lies in a nameless file of the run folder until the run ends'),
  allowUntrainedStop: z.boolean().default(false).describe('Trains although no example teaches the model to stop'),
  allowTemplateMismatch: z
    .boolean()
    .default(false)
    .describe('Trains chats although the template renders their prompts otherwise when the model is asked'),
});

const lora = z.strictObject({
  // Optional inside the default: an adapter without a type is a LoRA.
  type: z
    .literal('lora')
    .optional()
    .default('lora')
    .describe('What is trained: lora a low-rank adapter, none the model itself'),
  r: count(1).default(16).describe('Rank of the two factors'),
  alpha: z.number().positive().default(32).describe('The factors count alpha / r'),
  dropout: rate.default(0).describe("Share of the factors' inputs that is dropped while training"),
  targetModules: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .default('all-linear')
    .describe('Names of linear layers, a regular expression for their paths, or all-linear'),
  rankPattern: z
    .record(z.string().min(1), count(1))
    .default({})
    .describe('Other ranks for layers whose path ends in a pattern'),
  alphaPattern: z
    .record(z.string().min(1), z.number().positive())
    .default({})
    .describe('Other alphas for layers whose path ends in a pattern'),
  useRslora: z.boolean().default(false).describe('The factors count alpha / √r instead'),
  init: path.optional().describe('PEFT adapter folder or id to start from; its r, alpha, dropout and targets hold'),
});

const none = z.strictObject({ type: z.literal('none') });

const objective = z.strictObject({
  type: z
    .literal('sft')
    .default('sft')
    .describe("What is minimised: sft is the mean loss of the learned tokens, or of a classifier's labels"),
});

const optimizer = z.strictObject({
  type: z.literal('adamw').default('adamw').describe('Update rule'),
  learningRate: z.number().min(0).default(2e-4).describe('Peak learning rate'),
  beta1: rate.default(0.9).describe('Decay of the mean of gradients'),
  beta2: rate.default(0.999).describe('Decay of the mean of squared gradients'),
  eps: z.number().positive().default(1e-8).describe('Added to the root of the mean square'),
  weightDecay: z.number().min(0).default(0).describe('Decoupled weight decay'),
  maxGradNorm: z.number().min(0).default(1).describe('Gradients are scaled down to this norm; 0 leaves them'),
});

const schedule = z.strictObject({
  type: z
    .enum(['linear', 'cosine', 'constant', 'constant_with_warmup'] as const satisfies readonly ScheduleType[])
    .default('linear')
    .describe('Course of the learning rate'),
  warmupSteps: z
    .number()
    .min(0)
    .refine((value) => value < 1 || Number.isInteger(value), 'a whole number, or below 1 a share of all steps')
    .default(0)
    .describe('Steps to the peak; below 1, a share of all steps'),
});

const train = z.strictObject({
  batchSize: count(1).default(4).describe('Rows of one forward and backward pass'),
  gradientAccumulationSteps: count(1).default(1).describe('Passes whose gradients make one step'),
  gradientCheckpointing: z
    .boolean()
    .default(false)
    .describe('Computes activations again for the gradient: less memory, about a third more time'),
  epochs: z.number().positive().default(3).describe('Times through the data'),
  maxSteps: count(1).optional().describe('Steps in all, whatever the epochs say'),
  maxTimeMinutes: z.number().positive().optional().describe('Stops after this time, saved'),
  evalSteps: count(1)
    .optional()
    .describe('Steps between evaluations; one comes before the first and one after the last anyway'),
  saveSteps: count(1).default(500).describe('Steps between checkpoints; one comes at the end anyway'),
  saveTotalLimit: count(1).optional().describe('Checkpoints that are kept; the oldest go'),
  seed: z.number().int().min(0).max(0xffffffff).default(42).describe('Fixes all randomness'),
});

const engine = z.strictObject({
  name: z
    .enum(['auto', 'native', 'ort', 'reference'])
    .default('auto')
    .describe("What computes: ONNX Runtime, tuneloop's own kernels, or the slow f64 reference"),
  threads: count(1).optional().describe("Threads; the engine's own choice unless given"),
  precision: z.enum(['auto', 'fp32']).default('auto').describe('Precision of the products'),
});

/** The config of a run, nested by seam; help, docs and flags come from it. */
export const tuneSchema = z
  .strictObject({
    schemaVersion: z.literal(schemaVersion).default(schemaVersion),
    model,
    data,
    adapter: z.discriminatedUnion('type', [lora, none]).prefault({}),
    objective: objective.prefault({}),
    optimizer: optimizer.prefault({}),
    schedule: schedule.prefault({}),
    train: train.prefault({}),
    engine: engine.prefault({}),
  })
  .superRefine((config, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const { data } = config;
    const evaluates = [data.evalPath, data.evalSplit, data.evalShare].some((given) => given !== undefined);
    if (config.train.evalSteps !== undefined && !evaluates) {
      refuse(['train', 'evalSteps'], 'evaluation data (data.evalPath, data.evalSplit or data.evalShare) with it');
    }
    if (data.evalShare !== undefined && (data.evalPath ?? data.evalSplit) !== undefined)
      refuse(['data', 'evalShare'], 'no data.evalPath or data.evalSplit beside it');
    const sets = Array.isArray(data.path) ? data.path.length : 1;
    if (data.weights !== undefined && data.weights.length !== sets)
      refuse(['data', 'weights'], `as many numbers as there are data sets, ${sets},`);
    const factor = schedules[config.schedule.type];
    const ignoresWarmup = factor(0, 10, 5) === factor(0, 10, 0);
    if (ignoresWarmup && config.schedule.warmupSteps > 0) {
      refuse(['schedule', 'warmupSteps'], `0, since the schedule ${config.schedule.type} has no warmup`);
    }
  });

export type TuneConfig = z.output<typeof tuneSchema>;
/** What may be left out. */
export type TuneConfigInput = z.input<typeof tuneSchema>;
