import type { z } from 'zod';
import type { Batch } from './batches.ts';

/** Where a batch stands in a run, and what its tokens are. */
export interface StepContext {
  readonly seed: number;
  /** 1 for the first. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  readonly vocabSize: number;
  readonly padTokenId: number | undefined;
}

/** Changes what is trained on, pure in batch and context: the same for any batch size, and after a resume. */
export interface DataStep {
  readonly type: string;
  /** What it will do, before step one. */
  readonly note: string;
  apply(batch: Batch, context: StepContext): Batch;
}

/** One kind of data step: its part of a run's config, and what it does; undefined leaves the data as they are. */
export interface DataStepUnit<S extends z.ZodType = z.ZodType> {
  /** A strict object whose `type` is this unit's. */
  readonly schema: S;
  make(config: z.output<S>): DataStep | undefined;
}

/** Lets the compiler infer the schema's type. */
export const dataStepUnit = <S extends z.ZodType>(unit: DataStepUnit<S>): DataStepUnit<S> => unit;
