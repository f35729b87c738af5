import type { MemoryPlan } from './memoryPlan.ts';
import type { TimePlan } from './timePlan.ts';
import type { DatasetSummary } from '../data/preview.ts';
import type { Best } from './best.ts';
import type { SampleSet } from './samples.ts';

/** Why a run ended: all epochs done, one of its limits, no better evaluation for long, or somebody asked. */
export type StopReason = 'completed' | 'max-steps' | 'max-time' | 'early-stopping' | 'interrupted';

/** One optimizer step; a line of metrics.jsonl. */
export interface StepEvent {
  readonly type: 'step';
  readonly step: number;
  readonly epoch: number;
  /** What is minimised: the mean over the supervised tokens of the whole accumulation window, and the adapter's weighted terms. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping. */
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
  /** Peak resident memory of the process so far, where the platform tells. */
  readonly peakBytes?: number;
}

/** One evaluation after `step` steps; a line of metrics.jsonl. */
export interface EvalEvent {
  readonly type: 'eval';
  readonly step: number;
  readonly evalLoss: number;
  readonly supervisedTokens: number;
  /** Share of examples whose most likely label is right, of a classifier with one label for each. */
  readonly accuracy?: number;
  /** Mean grade of the answers to evaluation prompts that could be graded, and their number. */
  readonly reward?: number;
  readonly graded?: number;
  /** Whether no evaluation after an earlier step was better. */
  readonly best?: boolean;
  readonly evalMs: number;
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

export type MetricsLine = StepEvent | EvalEvent | DoneEvent;

/** What a run tells while it goes on. */
export type TuneEvent =
  | {
      readonly type: 'started';
      readonly engine: string;
      readonly precision: string;
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
}
