import type { Estimate } from '../probes/pairedChange.ts';
import type { DriftEvent, EvalEvent, ForgettingEvent, LossPer, MetricsLine } from './events.ts';
import { wilson } from './wilson.ts';

/** A figure before and after, and its change with 95% interval. */
export interface Comparison {
  readonly before: number;
  readonly after: number;
  readonly change: Estimate;
}

/** What a run gained, forgot and how far it drifted, of the weights that it ends with; what was not measured is left out. */
export interface RunOutcome {
  readonly gain: {
    readonly loss?: Comparison;
    /** What that loss is the mean of, where not of tokens. */
    readonly per?: LossPer;
    readonly accuracy?: Comparison;
    readonly score?: Comparison;
  };
  readonly forgetting?: Omit<ForgettingEvent, 'type' | 'measureMs'> & {
    readonly abilitiesBefore: ForgettingEvent['abilities'];
  };
  readonly drift?: Pick<DriftEvent, 'distance' | 'layers' | 'unknown'>;
}

/** Not paired, so rather too wide than too narrow. */
function compared(before: number, after: number, errors: readonly (number | undefined)[]): Comparison {
  const value = after - before;
  const known = errors.filter((error) => error !== undefined);
  if (known.length < errors.length) return { before, after, change: { value } };
  const half = 1.959963984540054 * Math.hypot(...known);
  return { before, after, change: { value, low: value - half, high: value + half } };
}

interface Share {
  readonly right: number;
  readonly of: number;
}

/** Shares with Newcombe's interval of their difference (1998, method 10); not paired either. */
function comparedShares(from: Share, to: Share): Comparison {
  const [[low0, high0], [low1, high1]] = [wilson(from.right, from.of), wilson(to.right, to.of)];
  const [before, after] = [from.right / from.of, to.right / to.of];
  const value = after - before;
  const low = value - Math.hypot(after - low1, high0 - before);
  const high = value + Math.hypot(high1 - after, before - low0);
  return { before, after, change: { value, low, high } };
}

const accuracyOf = ({ accuracy, supervisedTokens: of }: EvalEvent): Share | undefined =>
  accuracy === undefined || of === undefined ? undefined : { right: Math.round(accuracy * of), of };
const rightOf = ({ right, graded: of }: EvalEvent): Share | undefined =>
  right === undefined || of === undefined ? undefined : { right, of };

function gainOf(before: EvalEvent, after: EvalEvent): RunOutcome['gain'] {
  const change = (value: 'evalLoss' | 'reward', error: 'evalLossError' | 'rewardError'): Comparison | undefined => {
    const [from, to] = [before[value], after[value]];
    return from === undefined || to === undefined ? undefined : compared(from, to, [before[error], after[error]]);
  };
  const shares = (of: (event: EvalEvent) => Share | undefined): Comparison | undefined => {
    const [from, to] = [of(before), of(after)];
    return from && to && comparedShares(from, to);
  };
  const [loss, accuracy] = [change('evalLoss', 'evalLossError'), shares(accuracyOf)];
  // Grades that are all alike have no spread to tell an interval from.
  const score = shares(rightOf) ?? change('reward', 'rewardError');
  const { per } = after;
  return {
    ...(loss && { loss }),
    ...(per && { per }),
    ...(accuracy && { accuracy }),
    ...(score && { score }),
  };
}

/** The outcome of the weights after `step`, from a run's metrics. */
export function outcomeOf(metrics: readonly MetricsLine[], step: number): RunOutcome {
  const evals = metrics.filter((line): line is EvalEvent => line.type === 'eval');
  const kept = metrics.filter((line): line is ForgettingEvent => line.type === 'forgetting');
  const drift = metrics.findLast((line): line is DriftEvent => line.type === 'drift');
  const ofStep = <T extends { readonly step: number }>(lines: readonly T[], wanted: number): T | undefined =>
    lines.findLast((line) => line.step === wanted);
  const [evalBefore, evalAfter] = [ofStep(evals, 0), ofStep(evals, step)];
  const [before, after] = [ofStep(kept, 0), ofStep(kept, step) ?? (drift?.step === step ? drift.kept : undefined)];
  const { abilities: abilitiesBefore } = before ?? {};
  const outcome = { gain: evalBefore && evalAfter ? gainOf(evalBefore, evalAfter) : {} };
  if (!abilitiesBefore || !after || !drift) return outcome;
  const { type: _type, measureMs: _ms, ...figures } = after;
  const { distance, layers, unknown } = drift;
  return {
    ...outcome,
    forgetting: { ...figures, abilitiesBefore },
    drift: distance === undefined || !layers ? { unknown: unknown ?? '' } : { distance, layers },
  };
}

/** One line of the final table. */
export interface OutcomeRow {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly change: string;
}

const signed = (value: number, digits: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
const interval = ({ value, low, high }: Estimate): string =>
  low === undefined || high === undefined
    ? signed(value, 3)
    : `${signed(value, 3)} (${signed(low, 3)} to ${signed(high, 3)})`;
const share = ({ right, of, low, high }: ForgettingEvent['abilities']): string =>
  `${right} of ${of} (${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)}%)`;
const nats = ({ value, low, high }: Estimate): string =>
  low === undefined || high === undefined
    ? value.toFixed(3)
    : `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
const percent = (value: number): string => `${(100 * value).toPrecision(2)}%`;

/** The final table: figures with 95% intervals. */
export function outcomeRows({ gain, forgetting, drift }: RunOutcome): OutcomeRow[] {
  const row = (name: string, before: string, after: string, change: string): OutcomeRow => ({
    name,
    before,
    after,
    change,
  });
  const rows: OutcomeRow[] = [];
  const compare = (name: string, found: Comparison | undefined): void => {
    if (found) rows.push(row(name, found.before.toFixed(3), found.after.toFixed(3), interval(found.change)));
  };
  compare(`gain: held-out loss, nats/${gain.per ?? 'token'}`, gain.loss);
  compare(`gain: accuracy on held-out ${gain.per ?? 'example'}s`, gain.accuracy);
  compare('gain: task score', gain.score);
  if (forgetting) {
    const texts = { general: 'general texts', own: "base's own samples", user: 'your texts' } as const;
    for (const [name, figures] of Object.entries(forgetting.texts) as [
      keyof typeof texts,
      ForgettingEvent['texts']['general'],
    ][])
      compare(`forgetting: loss on ${texts[name]}, nats/token`, {
        before: figures.baseLoss,
        after: figures.loss,
        change: figures.change,
      });
    const { abilities, abilitiesBefore, klNats } = forgetting;
    const margin = signed(abilities.marginNats - abilitiesBefore.marginNats, 2);
    rows.push(
      row('forgetting: abilities, right of two', share(abilitiesBefore), share(abilities), `margin ${margin} nats`),
    );
    rows.push(row('drift: KL(base‖model) on its own samples, nats/token', '0', nats(klNats.own), ''));
    rows.push(row("drift: KL(base‖model) on the task's prompts, nats/token", '0', nats(klNats.target), ''));
  }
  if (drift?.distance !== undefined && drift.layers) {
    const moved = Object.values(drift.layers).filter((distance) => distance > 0);
    const layers = moved.length === 0 ? '' : `layers ${percent(Math.min(...moved))} to ${percent(Math.max(...moved))}`;
    rows.push(row('drift: weights moved, of their norm', '0', percent(drift.distance), layers));
  } else if (drift?.unknown !== undefined) rows.push(row('drift: weights moved', '', 'not known', drift.unknown));
  return rows;
}

/** The table in columns. */
export function outcomeText(rows: readonly OutcomeRow[]): string {
  const head: OutcomeRow = { name: '', before: 'before', after: 'after', change: 'change (95%)' };
  const columns = ['name', 'before', 'after', 'change'] as const;
  const widths = columns.map((column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  return [head, ...rows]
    .map((row) =>
      columns
        .map((column, i) => row[column].padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
