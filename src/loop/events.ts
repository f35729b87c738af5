import type { MemoryPlan } from './memoryPlan.ts';
import type { TimePlan } from './timePlan.ts';
import type { DatasetSummary } from '../data/preview.ts';
import type { Estimate } from '../probes/pairedChange.ts';
import type { Best } from './best.ts';
import type { RunOutcome } from './outcome.ts';
import type { SampleSet } from './samples.ts';

/** What a loss is the mean of, where that is not tokens. */
export type LossPer = 'pair' | 'example' | 'answer';

/** Why a run ended: all epochs done, one of its limits, no better evaluation for long, too much forgotten, or somebody asked. */
export type StopReason = 'completed' | 'max-steps' | 'max-time' | 'early-stopping' | 'max-forgetting' | 'interrupted';

/** One optimizer step; a line of metrics.jsonl. */
export interface StepEvent {
  readonly type: 'step';
  readonly step: number;
  readonly epoch: number;
  /** What is minimised: the mean over the supervised tokens (or answers) of the whole accumulation window, and the adapter's weighted terms; of an optimizer without gradients, the mean reward with its sign changed. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping; of an optimizer without gradients, of the direction that it goes. */
  readonly gradNorm: number;
  /** Losses that the adapter adds, without their weight, and what it tells of itself, by name. */
  readonly terms?: Readonly<Record<string, number>>;
  readonly metrics?: Readonly<Record<string, number>>;
  /** Updates beside the first, by name. */
  readonly updates?: Readonly<
    Record<string, { readonly loss: number; readonly gradNorm: number; readonly learningRate: number }>
  >;
  /** Without padding. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** The whole step, optimizer included. */
  readonly stepMs: number;
  /** Processor time that all threads of the process took meanwhile, where the platform tells. */
  readonly cpuMs?: number;
  /** Peak resident memory of the process so far, where the platform tells. */
  readonly peakBytes?: number;
}

/** One evaluation after `step` steps; a line of metrics.jsonl. */
export interface EvalEvent {
  readonly type: 'eval';
  readonly step: number;
  /** Not there where the model learns from its own answers, which have a reward alone. */
  readonly evalLoss?: number;
  /** What that is the mean of, where not of tokens. */
  readonly per?: LossPer;
  readonly supervisedTokens?: number;
  /** Share of examples whose most likely label is right, of a classifier with one label for each; of pairs that are told apart. */
  readonly accuracy?: number;
  /** Mean grade of the answers to evaluation prompts that could be graded, and their number. */
  readonly reward?: number;
  readonly graded?: number;
  /** How many of them have the grade 1, where all others have 0. */
  readonly right?: number;
  /** Standard errors of loss and mean grade, over examples and over answers. */
  readonly evalLossError?: number;
  readonly rewardError?: number;
  /** Whether no evaluation after an earlier step was better. */
  readonly best?: boolean;
  readonly evalMs: number;
}

/** Loss on texts in nats a token, the base's, and how much more it is. */
export interface TextFigures {
  readonly loss: number;
  readonly baseLoss: number;
  readonly change: Estimate;
}

/** What the model kept of its base after `step` steps, with 95% intervals; a line of metrics.jsonl. */
export interface ForgettingEvent {
  readonly type: 'forgetting';
  readonly step: number;
  /** How much more the user's texts cost, or the general ones and the base's own samples together; nats a token. */
  readonly forgetting: Estimate;
  readonly texts: { readonly general: TextFigures; readonly own: TextFigures; readonly user?: TextFigures };
  /** Questions whose right answer is likelier than a wrong one, and by how much on average. */
  readonly abilities: {
    readonly right: number;
    readonly of: number;
    readonly low: number;
    readonly high: number;
    readonly marginNats: number;
  };
  /** KL(base‖model) in nats a token, on what the base writes by itself and to the task's prompts. */
  readonly klNats: { readonly own: Estimate; readonly target: Estimate };
  readonly measureMs: number;
}

/** How far the weights that a run ends with moved: ‖W - W⁰‖ / ‖W⁰‖, in all and by layer, or why that is not known. */
export interface DriftEvent {
  readonly type: 'drift';
  readonly step: number;
  readonly distance?: number;
  readonly layers?: Readonly<Record<string, number>>;
  readonly unknown?: string;
  /** What those weights kept, where they are not the last measured ones. */
  readonly kept?: ForgettingEvent;
  readonly measureMs: number;
}

/** How a run ended; the last line of metrics.jsonl. */
export interface DoneEvent {
  readonly type: 'done';
  readonly stopReason: StopReason;
  readonly step: number;
  /** The step whose weights `adapter/` holds. */
  readonly adapterStep: number;
  /** The best evaluation after a step. */
  readonly best?: Best;
  /** Seconds of training in this session, evaluations and checkpoints included. */
  readonly seconds: number;
  readonly peakBytes?: number;
}

export type MetricsLine = StepEvent | EvalEvent | ForgettingEvent | DriftEvent | DoneEvent;

/** What a run tells while it goes on. */
export type TuneEvent =
  | {
      readonly type: 'started';
      readonly engine: string;
      readonly precision: string;
      /** Of the processor, where the engine chooses one. */
      readonly instructionSet?: string;
      readonly parameters: number;
      readonly trainedParameters: number;
      /** The checkpoint's step that the run goes on from. */
      readonly resumedFrom?: number;
    }
  | {
      /** What will be trained on: counts, remarks, and one example with `+` before each learned token. */
      readonly type: 'preview';
      readonly summary: DatasetSummary;
      readonly notes: readonly string[];
      readonly example: readonly string[];
    }
  | ({
      readonly type: 'plan';
      readonly steps: number;
      readonly stepsPerEpoch: number;
      readonly maxTimeMinutes?: number;
    } & Partial<MemoryPlan & TimePlan>)
  | StepEvent
  | EvalEvent
  | ({ readonly type: 'samples' } & SampleSet)
  | ForgettingEvent
  | DriftEvent
  | { readonly type: 'saved'; readonly step: number; readonly path: string }
  | { readonly type: 'warning'; readonly message: string }
  | DoneEvent;

/** What a run came to. */
export interface TuneSummary extends Omit<DoneEvent, 'type'> {
  readonly runFolder: string;
  /** Loss of the last step of the run. */
  readonly loss?: number;
  /** The last evaluation's. */
  readonly evalLoss?: number;
  readonly reward?: number;
  /** Gain, forgetting and drift, as far as they were measured. */
  readonly outcome?: RunOutcome;
}
