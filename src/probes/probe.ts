import type { z } from 'zod';
import type { MergedWeights } from '../adapters/mergedWeights.ts';
import type { LinearAlgebra } from '../runtime/linalg/service.ts';

export interface ProbeServices {
  readonly linalg: LinearAlgebra;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface Measurement {
  /** The one number that it comes to. */
  readonly value: number;
  /** What it is made of, by place (a tensor, a layer): counts and lists. */
  readonly places: Readonly<Record<string, Readonly<Record<string, number | readonly number[]>>>>;
}

/** A measurement of a pair of weights, before and after. A model beside itself measures `zero`. */
export interface PairProbe<S extends z.ZodType = z.ZodType> {
  readonly type: string;
  /** What it measures, for the help. */
  readonly about: string;
  readonly unit: string;
  /** Which way is less change. */
  readonly direction: 'lower is closer' | 'higher is closer';
  /** What it takes, and how exact it is. */
  readonly cost: string;
  readonly noise: string;
  /** Its value where nothing changed. */
  readonly zero: number;
  /** A strict object. */
  readonly schema: S;
  measure(
    pair: { readonly before: MergedWeights; readonly after: MergedWeights },
    options: z.output<S>,
    services: ProbeServices,
  ): Promise<Measurement>;
}

/** Lets the compiler infer the schema's type. */
export const defineProbe = <S extends z.ZodType>(probe: PairProbe<S>): PairProbe<S> => probe;
