import type { Session } from './session.ts';

/** How long a run will take, without its evaluations. */
export interface TimePlan {
  readonly stepSeconds: number;
  /** Of the steps that are still to come. */
  readonly seconds: number;
}

/** With fewer passes to come, one to measure with would be more than a twentieth of the run. */
const fewPasses = 20;

/**
 * Measures one forward and backward pass and scales it by the places of a step; undefined for runs of few passes and where
 * a pass would change something. A pass below a second is measured twice: the first one compiles and touches memory.
 */
export async function planTime({ trainer, plan }: Pick<Session, 'trainer' | 'plan'>): Promise<TimePlan | undefined> {
  if (!plan.sample) return undefined;
  const { batch, passesPerStep } = plan.sample;
  const steps = plan.steps - trainer.step();
  if (steps * passesPerStep < fewPasses) return undefined;
  let ms = await trainer.time(batch);
  if (ms !== undefined && ms < 1000) ms = await trainer.time(batch);
  if (ms === undefined) return undefined;
  const stepSeconds = (ms * passesPerStep) / 1000;
  return { stepSeconds, seconds: steps * stepSeconds };
}
