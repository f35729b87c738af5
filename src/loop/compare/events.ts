import type { RunEvent } from '../tuneRun.ts';
import type { CompareResult, CompareRun } from './result.ts';

/** What a comparison tells while it goes on. */
export type CompareEvent =
  | { readonly type: 'notice'; readonly message: string }
  | {
      /** A method passed all checks on the data; what its runs will be. */
      readonly type: 'checked';
      readonly method: string;
      readonly steps: number;
      readonly parameters: number;
      readonly trainedParameters: number;
      /** Planned peak of memory. */
      readonly bytes?: number;
      /** Planned time of a run's steps, on the threads of the check. */
      readonly seconds?: number;
    }
  | { readonly type: 'failed'; readonly method: string; readonly seed?: number; readonly message: string }
  | {
      readonly type: 'started';
      /** Runs to come, and runs that were done before. */
      readonly runs: number;
      readonly done: number;
      readonly parallel: number;
      readonly threads: number;
    }
  | { readonly type: 'runStarted'; readonly method: string; readonly seed: number; readonly runFolder: string }
  | { readonly type: 'run'; readonly method: string; readonly seed: number; readonly event: RunEvent }
  | { readonly type: 'output'; readonly method: string; readonly seed?: number; readonly text: string }
  | { readonly type: 'runEnded'; readonly method: string; readonly run: CompareRun }
  /** compare.json and compare.html were written anew. */
  | { readonly type: 'result'; readonly result: CompareResult };

/** What a comparison came to. */
export interface CompareSummary extends CompareResult {
  readonly folder: string;
  /** Whether runs are missing because somebody asked it to stop. */
  readonly interrupted: boolean;
}
