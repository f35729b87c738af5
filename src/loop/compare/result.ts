import type { StopReason } from '../events.ts';
import {
  type FigureName,
  figureNames,
  front,
  type GainMeasure,
  type Mean,
  meanOver,
  type RunFigures,
} from './figures.ts';
import type { MethodConfig } from './methods.ts';

/** One method on one seed. */
export interface CompareRun {
  readonly seed: number;
  /** Its run folder, below the comparison's. */
  readonly folder: string;
  readonly state: 'done' | 'failed' | 'missing';
  /** What it failed with. */
  readonly error?: string;
  readonly figures?: RunFigures;
  readonly step?: number;
  readonly stopReason?: StopReason;
}

export type Means = Partial<Record<FigureName, Mean>>;

export interface MethodResult {
  readonly name: string;
  readonly changes: MethodConfig;
  readonly runs: readonly CompareRun[];
  /** Over the seeds that are done. */
  readonly figures: Means;
  /** This method less the first one, over the seeds that both have, paired by seed; undefined for the first. */
  readonly against?: Means;
  /** Whether no other method's means dominate its own. */
  readonly front: boolean;
  /** Seeds on which no other method's run dominates its own, of `commonSeeds`. */
  readonly frontSeeds: number;
}

/** What a comparison came to so far; compare.json. */
export interface CompareResult {
  readonly schemaVersion: 1;
  readonly model: string;
  readonly data: readonly string[];
  readonly gain: GainMeasure;
  readonly seeds: readonly number[];
  readonly methods: readonly MethodResult[];
  /** Seeds that every method has of which any run is done. */
  readonly commonSeeds: readonly number[];
  readonly engine?: { readonly name: string; readonly precision: string };
  readonly versions: Readonly<Record<string, string>>;
  /** Runs side by side, and threads of each. */
  readonly parallel: number;
  readonly threads: number;
}

const doneOf = (runs: readonly CompareRun[]): ReadonlyMap<number, RunFigures> =>
  new Map(runs.flatMap(({ seed, figures }) => (figures === undefined ? [] : [[seed, figures] as const])));

/** Figures that may be below zero; differences of any may. */
const signed: ReadonlySet<FigureName> = new Set(['gain', 'forgetting', 'abilities']);

function meansOf(all: readonly RunFigures[], least = -Infinity): Means {
  return Object.fromEntries(
    figureNames.flatMap((name) => {
      const values = all.flatMap((figures) => figures[name] ?? []);
      return values.length === 0 ? [] : [[name, meanOver(values, signed.has(name) ? undefined : least)]];
    }),
  );
}

function differences(own: ReadonlyMap<number, RunFigures>, first: ReadonlyMap<number, RunFigures>): Means {
  const pairs = [...own].flatMap(([seed, figures]) => {
    const other = first.get(seed);
    return other === undefined ? [] : [[figures, other] as const];
  });
  return meansOf(
    pairs.map(([a, b]) =>
      Object.fromEntries(
        figureNames.flatMap((name) => {
          const [x, y] = [a[name], b[name]];
          return x === undefined || y === undefined ? [] : [[name, x - y]];
        }),
      ),
    ),
  );
}

export interface MethodRuns {
  readonly name: string;
  readonly changes: MethodConfig;
  readonly runs: readonly CompareRun[];
}

/** Means, differences to the first method and the front, from what the runs came to. */
export function methodResults(
  methods: readonly MethodRuns[],
  seeds: readonly number[],
): { readonly methods: readonly MethodResult[]; readonly commonSeeds: readonly number[] } {
  const done = methods.map(({ runs }) => doneOf(runs));
  const means = done.map((runs) => meansOf([...runs.values()], 0));
  const there = methods.flatMap((_, i) => (done[i]?.size === 0 ? [] : [i]));
  const figuresOfMeans = (i: number): RunFigures =>
    Object.fromEntries(Object.entries(means[i] ?? {}).map(([name, { mean }]) => [name, mean]));
  const onFront = new Set(front(there.map(figuresOfMeans)).map((at) => there[at]));
  const commonSeeds = there.length === 0 ? [] : seeds.filter((seed) => there.every((i) => done[i]?.has(seed)));
  const counts = methods.map(() => 0);
  for (const seed of commonSeeds)
    for (const at of front(there.map((i) => done[i]?.get(seed) ?? {}))) {
      const i = there[at] ?? 0;
      counts[i] = (counts[i] ?? 0) + 1;
    }
  const [first = new Map()] = done;
  return {
    commonSeeds,
    methods: methods.map((method, i) => ({
      ...method,
      figures: means[i] ?? {},
      ...(i === 0 ? {} : { against: differences(done[i] ?? new Map(), first) }),
      front: onFront.has(i),
      frontSeeds: counts[i] ?? 0,
    })),
  };
}
