import { z } from 'zod';

/** What a schedule is laid over. */
export interface Course {
  /** Steps of the whole run. */
  readonly steps: number;
  /** The peak, which factors count from. */
  readonly learningRate: number;
}

/** Factor of the learning rate at step 0, 1, …. */
export type Factor = (step: number) => number;

interface ScheduleUnit<S extends z.ZodType> {
  readonly schema: S;
  factor(options: z.output<S>, course: Course): Factor;
}

const unit = <S extends z.ZodType>(schema: S, factor: ScheduleUnit<S>['factor']): ScheduleUnit<S> => ({
  schema,
  factor,
});

/** A count of steps; below 1 a share of all of them, rounded up, as transformers reads `warmup_steps`. */
export function stepsOf(count: number, steps: number): number {
  return count < 1 ? Math.ceil(count * steps) : count;
}

const stepCount = z
  .number()
  .min(0)
  .refine((value) => value < 1 || Number.isInteger(value), 'a whole number, or below 1 a share of all steps');
const warmupSteps = stepCount.default(0).describe('Steps to the peak; below 1, a share of all steps');

const halfCosine = (progress: number): number => 0.5 * (1 + Math.cos(Math.PI * progress));
const above = (least: number, factor: number): number => Math.max(0, factor * (1 - least) + least);

/** A rise from 0 over `warmup` steps, then `fall` of the share of the other steps that has gone by. */
function warmed(
  options: { readonly warmupSteps: number },
  { steps }: Course,
  fall: (progress: number, step: number, warmup: number) => number,
): Factor {
  const warmup = stepsOf(options.warmupSteps, steps);
  return (step) =>
    step < warmup ? step / Math.max(1, warmup) : fall((step - warmup) / Math.max(1, steps - warmup), step, warmup);
}

/** Forms of the rise and of the fall of warmup_stable_decay, by the share that has gone by. */
const rises = {
  linear: (p: number) => p,
  cosine: (p: number) => 0.5 * (1 - Math.cos(Math.PI * p)),
  '1-sqrt': (p: number) => 1 - Math.sqrt(1 - p),
};
const falls = { linear: (p: number) => 1 - p, cosine: halfCosine, '1-sqrt': (p: number) => 1 - Math.sqrt(p) };
const forms = ['linear', 'cosine', '1-sqrt'] as const;

/** Schedules by transformers' names, with its options in camelCase (transformers/optimization.py). */
export const schedules = {
  linear: unit(
    z.strictObject({
      // Optional inside the default: a schedule without a type is linear.
      type: z.literal('linear').optional().default('linear'),
      warmupSteps,
    }),
    (options, course) => {
      const warmup = stepsOf(options.warmupSteps, course.steps);
      const rest = Math.max(1, course.steps - warmup);
      return warmed(options, course, (_progress, step) => Math.max(0, (course.steps - step) / rest));
    },
  ),
  cosine: unit(z.strictObject({ type: z.literal('cosine'), warmupSteps }), (options, course) =>
    warmed(options, course, (progress) => Math.max(0, halfCosine(progress))),
  ),
  cosine_with_restarts: unit(
    z.strictObject({
      type: z.literal('cosine_with_restarts'),
      warmupSteps,
      numCycles: z.number().int().min(1).default(1).describe('Times that cosine_with_restarts falls from the peak'),
    }),
    (options, course) =>
      warmed(options, course, (progress) =>
        progress >= 1 ? 0 : Math.max(0, halfCosine((options.numCycles * progress) % 1)),
      ),
  ),
  cosine_with_min_lr: unit(
    z.strictObject({
      type: z.literal('cosine_with_min_lr'),
      warmupSteps,
      minLrRate: z.number().min(0).max(1).default(0.1).describe('Share of the peak that cosine_with_min_lr ends at'),
    }),
    (options, course) => warmed(options, course, (progress) => above(options.minLrRate, halfCosine(progress))),
  ),
  polynomial: unit(
    z.strictObject({
      type: z.literal('polynomial'),
      warmupSteps,
      power: z.number().positive().default(1).describe('Power of the fall of polynomial'),
      lrEnd: z.number().min(0).default(1e-7).describe('Learning rate that polynomial ends at'),
    }),
    ({ power, lrEnd, ...options }, course) => {
      const { learningRate } = course;
      const fall = (progress: number): number => (learningRate - lrEnd) * (1 - progress) ** power + lrEnd;
      return warmed(options, course, (progress) => (progress > 1 ? lrEnd : fall(progress)) / learningRate);
    },
  ),
  inverse_sqrt: unit(
    z.strictObject({
      type: z.literal('inverse_sqrt'),
      warmupSteps,
      timescale: z
        .number()
        .int()
        .min(1)
        .optional()
        .describe('Steps after which inverse_sqrt is at 1/√2; the warmup steps unless given, 10000 without any'),
    }),
    (options, course) => {
      const timescale = options.timescale ?? (stepsOf(options.warmupSteps, course.steps) || 10_000);
      return warmed(
        options,
        course,
        (_progress, step, warmup) => 1 / Math.sqrt((step + timescale - warmup) / timescale),
      );
    },
  ),
  warmup_stable_decay: unit(
    z.strictObject({
      type: z.literal('warmup_stable_decay'),
      warmupSteps,
      numDecaySteps: stepCount.default(0.1).describe('Steps that warmup_stable_decay falls in; below 1, a share'),
      numStableSteps: stepCount
        .optional()
        .describe('Steps that warmup_stable_decay stays at the peak; what the others leave unless given'),
      warmupType: z.enum(forms).default('linear').describe('Form of the rise of warmup_stable_decay'),
      decayType: z.enum(forms).default('cosine').describe('Form of the fall of warmup_stable_decay'),
      minLrRatio: z
        .number()
        .min(0)
        .max(1)
        .default(0)
        .describe('Share of the peak that warmup_stable_decay starts and ends at'),
    }),
    ({ warmupType, decayType, minLrRatio, numStableSteps, numDecaySteps, ...options }, { steps }) => {
      const [warmup, decay] = [stepsOf(options.warmupSteps, steps), stepsOf(numDecaySteps, steps)];
      const start = warmup + (numStableSteps === undefined ? steps - warmup - decay : stepsOf(numStableSteps, steps));
      return (step) => {
        if (step < warmup) return above(minLrRatio, rises[warmupType](step / Math.max(1, warmup)));
        if (step < start) return 1;
        if (step < start + decay) return above(minLrRatio, falls[decayType]((step - start) / Math.max(1, decay)));
        return minLrRatio;
      };
    },
  ),
  constant: unit(z.strictObject({ type: z.literal('constant') }), () => () => 1),
  constant_with_warmup: unit(
    z.strictObject({ type: z.literal('constant_with_warmup'), warmupSteps }),
    (options, course) => warmed(options, course, () => 1),
  ),
} as const;

export type ScheduleType = keyof typeof schedules;

type Schemas = { readonly [T in ScheduleType]: (typeof schedules)[T]['schema'] };

/** A schedule's config, told apart by its type. */
export type ScheduleConfig = z.output<Schemas[ScheduleType]>;

/** The schedules' schemas, as a discriminated union takes them. */
export const scheduleSchemas = Object.values(schedules).map(({ schema }) => schema) as unknown as readonly [
  Schemas[ScheduleType],
  ...Schemas[ScheduleType][],
];

/** The learning rate of the step after `step` steps. */
export function learningRates(config: ScheduleConfig, course: Course): (step: number) => number {
  const { factor } = schedules[config.type] as unknown as ScheduleUnit<z.ZodType<ScheduleConfig>>;
  const factorAt = factor(config, course);
  return (step) => course.learningRate * factorAt(step);
}
