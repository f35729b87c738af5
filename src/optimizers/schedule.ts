/** Factor of the learning rate at step 0, 1, … of `steps`, after `warmup` steps of rise from 0. */
export type Schedule = (step: number, steps: number, warmup: number) => number;

const rise = (step: number, warmup: number): number => step / Math.max(1, warmup);
const progress = (step: number, steps: number, warmup: number): number => (step - warmup) / Math.max(1, steps - warmup);

/** Falls linearly to 0. */
const linear: Schedule = (step, steps, warmup) =>
  step < warmup ? rise(step, warmup) : Math.max(0, (steps - step) / Math.max(1, steps - warmup));

/** Half a cosine to 0 (Loshchilov & Hutter 2017, eq. 5 without restarts). */
const cosine: Schedule = (step, steps, warmup) =>
  step < warmup ? rise(step, warmup) : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress(step, steps, warmup))));

const constant: Schedule = () => 1;

const constantWithWarmup: Schedule = (step, _steps, warmup) => (step < warmup ? rise(step, warmup) : 1);

/** Schedules by transformers' names. */
export const schedules = { linear, cosine, constant, constant_with_warmup: constantWithWarmup } as const;

export type ScheduleType = keyof typeof schedules;

/** Warmup in steps: below 1 a share of all steps, rounded up, as transformers reads `warmup_steps`. */
export function warmupSteps(warmup: number, steps: number): number {
  return warmup < 1 ? Math.ceil(warmup * steps) : warmup;
}
