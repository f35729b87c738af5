import { z } from 'zod';
import { dataStepSchemas } from '../data/dataSteps.ts';
import { makeObjective, objectiveSchemas } from '../objectives/index.ts';
import { isAnswering } from '../objectives/objective.ts';
import { adapterSchemas, trainsBase } from '../adapters/index.ts';
import { isStrategy, optimizerSchemas, strategyUnits } from '../optimizers/index.ts';
import { scheduleSchemas } from '../optimizers/schedule.ts';
import { namedRewards } from '../rewards/index.ts';

/** Raised whenever a config of an earlier version would be read differently. */
export const schemaVersion = 1;

/** Longest example in tokens, unless the config says another. */
export const defaultMaxLength = 1024;

const count = (least: number) => z.number().int().min(least).max(Number.MAX_SAFE_INTEGER);
const path = z.string().min(1);
/** One text or several, which may hold commas. */
const paths = z.union([path, z.array(path).min(1)]).meta({ list: 'texts' });

const model = z.strictObject({
  path: path.describe(
    'What to start from: Hugging Face id (org/name, org/name@revision), checkpoint folder, .gguf file, or nano or nano-vit, the small models in the package',
  ),
  quantization: z
    .enum(['none', 'int8', 'int4'])
    .default('none')
    .describe(
      'Bits in which the frozen weights of linear layers are held under an adapter: a quarter or less of the memory, for a rounded base',
    ),
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
  maxLength: count(2).default(defaultMaxLength).describe('Longest example in tokens; the rest is cut off'),
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
  loadBestModelAtEnd: z
    .boolean()
    .default(false)
    .describe('Ends with the weights of the best evaluation, which has a checkpoint that stays'),
  metricForBestModel: z
    .enum(['evalLoss', 'accuracy', 'reward'])
    .optional()
    .describe('What makes an evaluation the best; evalLoss unless given, reward where there is no loss'),
  greaterIsBetter: z
    .boolean()
    .optional()
    .describe('Whether more of that metric is better; unless given, less of a loss and more of the others'),
  earlyStoppingPatience: count(1).optional().describe('Evaluations in a row without gain after which the run stops'),
  earlyStoppingThreshold: z.number().min(0).optional().describe('Gain that does not count; 0 unless given'),
  saveSteps: count(1).default(500).describe('Steps between checkpoints; one comes at the end anyway'),
  saveTotalLimit: count(1)
    .optional()
    .describe('Checkpoints that are kept, the best of an evaluation among them; the oldest go'),
  seed: z.number().int().min(0).max(0xffffffff).default(42).describe('Fixes all randomness'),
  allowMemoryExcess: z
    .boolean()
    .default(false)
    .describe('Trains although more memory is planned than the machine has free'),
});

const reward = z.strictObject({
  path: path
    .optional()
    .describe(
      `${Object.keys(namedRewards).join(', ')}, or a module whose function reward (or default) grades an answer: grpo and es learn from the grades of the model's answers, and at every evaluation the model answers the first evaluation prompts, and the mean grade is told`,
    ),
  prompts: count(1).optional().describe('Evaluation prompts that are answered; 16 unless given'),
  maxNewTokens: count(1)
    .optional()
    .describe('Longest answer in tokens; 128 unless given, or objective.maxCompletionLength where there is one'),
});

const samples = z.strictObject({
  prompts: count(0)
    .default(4)
    .describe('Evaluation prompts (else training prompts) whose answers before and after the report shows; 0 for none'),
  maxNewTokens: count(1).default(64).describe('Longest of these answers in tokens'),
});

const forgetting = z.strictObject({
  measure: z
    .boolean()
    .default(true)
    .describe('Measures what a language model forgets and how far it drifts, beside what it gains'),
  steps: count(1)
    .optional()
    .describe('Steps between these measurements, beside before and after; unless given one comes halfway'),
  data: path.optional().describe('Texts of your own that should not be forgotten, in place of the bundled ones'),
  max: z
    .number()
    .min(0)
    .optional()
    .describe(
      'Most that a token of those texts may cost more than before, in nats: past it the run stops, with the weights of the last measurement within it',
    ),
});

const engine = z.strictObject({
  name: z
    .enum(['auto', 'native', 'ort', 'reference'])
    .default('auto')
    .describe(
      "What computes: tuneloop's own kernels, ONNX Runtime, or the slow f64 reference; auto is the first that is there",
    ),
  threads: count(1).optional().describe("Threads; the engine's own choice unless given"),
  precision: z
    .enum(['auto', 'fp32', 'bf16'])
    .optional()
    .describe(
      'Precision of the products: fp32 unless given, of the reference f64; bf16 adds up in f32 and is for the native engine; auto takes bf16 there where the processor has instructions for it',
    ),
});

/** The config of a run, nested by seam; help, docs and flags come from it. */
export const tuneSchema = z
  .strictObject({
    schemaVersion: z.literal(schemaVersion).default(schemaVersion),
    model,
    data,
    adapter: z.discriminatedUnion('type', adapterSchemas).prefault({}).describe('What is trained'),
    dataStep: z
      .discriminatedUnion('type', dataStepSchemas)
      .prefault({})
      .describe('Change of the examples as they are trained on'),
    objective: z.discriminatedUnion('type', objectiveSchemas).prefault({}).describe('What is minimised'),
    optimizer: z.discriminatedUnion('type', optimizerSchemas).prefault({}).describe('Update rule'),
    schedule: z.discriminatedUnion('type', scheduleSchemas).prefault({}).describe('Course of the learning rate'),
    train: train.prefault({}),
    reward: reward.prefault({}),
    samples: samples.prefault({}),
    forgetting: forgetting.prefault({}),
    engine: engine.prefault({}),
  })
  .superRefine((config, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const { data } = config;
    const evaluates = [data.evalPath, data.evalSplit, data.evalShare].some((given) => given !== undefined);
    if (config.train.evalSteps !== undefined && !evaluates) {
      refuse(['train', 'evalSteps'], 'evaluation data (data.evalPath, data.evalSplit or data.evalShare) with it');
    }
    const { train, reward, objective, optimizer } = config;
    const made = makeObjective(objective);
    const answers = isAnswering(made);
    if (answers && reward.path === undefined) refuse(['objective', 'type'], 'reward.path with it');
    if (isStrategy(optimizer) && made.reduction !== 'grade')
      refuse(['objective', 'type'], `reward with optimizer ${optimizer.type}, which has no gradients,`);
    if (!isStrategy(optimizer) && made.reduction === 'grade')
      refuse(['objective', 'type'], `one of ${Object.keys(strategyUnits).join(', ')} as the optimizer with it`);
    if (isStrategy(optimizer) && train.gradientCheckpointing)
      refuse(['train', 'gradientCheckpointing'], `false with optimizer ${optimizer.type}, which has no gradients,`);
    if (reward.path !== undefined && !evaluates && !answers)
      refuse(['reward', 'path'], 'evaluation data (data.evalPath, data.evalSplit or data.evalShare) with it');
    for (const name of ['prompts', 'maxNewTokens'] as const)
      if (reward[name] !== undefined && (reward.path === undefined || !evaluates))
        refuse(['reward', name], reward.path === undefined ? 'reward.path with it' : 'evaluation data with it');
    if (train.evalSteps === undefined)
      for (const name of ['loadBestModelAtEnd', 'earlyStoppingPatience'] as const)
        if (train[name] !== undefined && train[name] !== false)
          refuse(['train', name], 'evaluations while training (train.evalSteps) with it');
    if (train.earlyStoppingThreshold !== undefined && train.earlyStoppingPatience === undefined)
      refuse(['train', 'earlyStoppingThreshold'], 'train.earlyStoppingPatience with it');
    if (config.model.quantization !== 'none' && trainsBase(config.adapter))
      refuse(['model', 'quantization'], 'none with adapter none, which trains the weights themselves,');
    if (data.evalShare !== undefined && (data.evalPath ?? data.evalSplit) !== undefined)
      refuse(['data', 'evalShare'], 'no data.evalPath or data.evalSplit beside it');
    const { forgetting } = config;
    for (const name of ['steps', 'data', 'max'] as const)
      if (!forgetting.measure && forgetting[name] !== undefined)
        refuse(['forgetting', name], 'forgetting.measure with it');
    if (forgetting.max !== undefined && train.loadBestModelAtEnd)
      refuse(['forgetting', 'max'], 'no train.loadBestModelAtEnd beside it, since both choose the weights,');
    const sets = Array.isArray(data.path) ? data.path.length : 1;
    if (data.weights !== undefined && data.weights.length !== sets)
      refuse(['data', 'weights'], `as many numbers as there are data sets, ${sets},`);
    const { schedule } = config;
    if ('lrEnd' in schedule && schedule.lrEnd >= optimizer.learningRate)
      refuse(['schedule', 'lrEnd'], `less than the learning rate, ${optimizer.learningRate},`);
  });

export type TuneConfig = z.output<typeof tuneSchema>;
/** What may be left out. */
export type TuneConfigInput = z.input<typeof tuneSchema>;
