import { startDecoding } from './decoding.ts';
import { knownBase } from './retentionBase.ts';
import type { Session } from './session.ts';
import { timesAfter, type Work } from './work.ts';
import { withoutAdapter } from './withoutAdapter.ts';

/** How long the rest of a run will take, but for reading its weights once more at the end. */
export interface TimePlan {
  readonly stepSeconds: number;
  /** All of it. */
  readonly seconds: number;
  /** Of which evaluations, answers and measuring what is forgotten. */
  readonly measureSeconds: number;
}

/** Milliseconds of what the work between steps consists of. */
interface Rates {
  readonly place: number;
  readonly write: number;
}

/** With fewer passes to come, one to measure with would be more than a twentieth of the run. */
const fewPasses = 20;

/** Runs once, and again where that took less than a second: the first one compiles and touches memory. */
async function timed(run: () => Promise<number | undefined>): Promise<number | undefined> {
  const first = await run();
  return first !== undefined && first < 1000 ? run() : first;
}

async function clocked(run: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
}

/** Milliseconds that reading the weights for one more token takes, beside the places of its batch. */
async function writeMs({ task }: TimedSession, place: number): Promise<number> {
  const { language } = task;
  if (!language) return 0;
  const prompt = [0, 0];
  const decoding = startDecoding(language, [prompt], { maxNewTokens: 3, logits: false });
  await decoding.prefill();
  const append = async (): Promise<number> => clocked(() => decoding.append([0]));
  return Math.max(0, ((await timed(append)) ?? 0) - place);
}

type TimedSession = Pick<Session, 'trainer' | 'plan' | 'task'>;

/** Work between the steps that are still to come, and how often. */
async function worksOf({ config, plan, trainer, measuring, sampler, retention }: Session): Promise<[Work, number][]> {
  const [step, { steps }] = [trainer.step(), plan];
  const before = step === 0 ? 1 : 0;
  const works: [Work | undefined, number][] = [];
  if (measuring) {
    const times = before + timesAfter(step, steps, config.train.evalSteps);
    works.push([{ graphs: [], hostBytes: 0, places: plan.evalPlaces, writes: 0 }, times]);
    works.push([measuring.answering, times]);
  }
  works.push([sampler?.work, before + 1]);
  if (retention) {
    const isKnown = step > 0 || (await knownBase(withoutAdapter(retention.loaded), retention.texts)) !== undefined;
    works.push([retention.work.base, isKnown ? 0 : 1]);
    works.push([retention.work.again, timesAfter(step, steps, config.forgetting.steps)]);
  }
  return works.flatMap(([work, times]) => (work ? [[work, times] as [Work, number]] : []));
}

/**
 * Measures one forward and backward pass, one forward pass and one written token, and scales them to what is still to come;
 * undefined for runs of few passes and where a pass would change something.
 */
export async function planTime(session: Session): Promise<TimePlan | undefined> {
  const { trainer, plan, task } = session;
  if (!plan.sample) return undefined;
  const { batch, passesPerStep } = plan.sample;
  const steps = plan.steps - trainer.step();
  if (steps * passesPerStep < fewPasses) return undefined;
  const ms = await timed(() => trainer.time(batch));
  if (ms === undefined) return undefined;
  const stepSeconds = (ms * passesPerStep) / 1000;
  const works = await worksOf(session);
  const places = batch.batch * batch.length;
  const forward = works.length === 0 ? 0 : ((await timed(() => clocked(async () => task.evaluate?.([batch])))) ?? 0);
  const place = forward / places;
  const rates: Rates = { place, write: works.some(([{ writes }]) => writes > 0) ? await writeMs(session, place) : 0 };
  const measureMs = works.reduce(
    (sum, [work, times]) => sum + times * (work.places * rates.place + work.writes * rates.write),
    0,
  );
  const measureSeconds = measureMs / 1000;
  return { stepSeconds, seconds: steps * stepSeconds + measureSeconds, measureSeconds };
}
