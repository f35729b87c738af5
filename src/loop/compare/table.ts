import { formatBytes, formatDuration } from '../units.ts';
import type { FigureName, GainMeasure, Mean } from './figures.ts';
import type { CompareResult, MethodResult } from './result.ts';

/** One figure as a column of the table. */
export interface Column {
  readonly figure: FigureName;
  readonly title: string;
  /** With its unit, where it is an axis of a picture. */
  readonly axis?: string;
  /** In a sentence, with its unit. */
  readonly about: string;
  readonly better: 'more' | 'less' | undefined;
  readonly text: (value: number) => string;
}

const signed =
  (digits: number, scale = 1) =>
  (value: number): string =>
    `${value < 0 ? '−' : '+'}${Math.abs(scale * value).toFixed(digits)}`;

const gains: Readonly<Record<GainMeasure, Pick<Column, 'about' | 'axis' | 'text'>>> = {
  loss: { axis: 'gain, nats a token', about: 'loss on held-out data before less after, nats a token', text: signed(3) },
  score: {
    axis: 'gain, mean grade',
    about: 'mean grade of answers to evaluation prompts, after less before',
    text: signed(3),
  },
  accuracy: {
    axis: 'gain, accuracy',
    about: 'accuracy on evaluation data, after less before, in points',
    text: signed(1, 100),
  },
};

/** What the table tells, in its order. */
export const columnsOf = (gain: GainMeasure): readonly Column[] => [
  { figure: 'gain', title: 'gain', better: 'more', ...gains[gain] },
  {
    figure: 'forgetting',
    title: 'forgetting',
    axis: 'forgetting, nats a token',
    about: 'what a token of texts to be kept costs more than before, nats',
    better: 'less',
    text: signed(3),
  },
  {
    figure: 'klNats',
    title: 'KL to base',
    about: "KL(base‖model) on the base's own samples, nats a token",
    better: 'less',
    text: (value) => value.toFixed(3),
  },
  {
    figure: 'cpuSeconds',
    title: 'cost',
    axis: 'cost, processor seconds',
    about: 'processor time of all steps together, of all threads, without loading and measuring',
    better: 'less',
    text: formatDuration,
  },
  {
    figure: 'trainSeconds',
    title: 'time',
    about: 'the same by the clock, beside the other runs',
    better: 'less',
    text: formatDuration,
  },
  {
    figure: 'peakBytes',
    title: 'memory',
    about: "peak of the run's process",
    better: 'less',
    text: formatBytes,
  },
  {
    figure: 'trainedParameters',
    title: 'trained',
    about: 'parameters that are trained',
    better: undefined,
    text: (value) =>
      value >= 1e6 ? `${(value / 1e6).toFixed(1)}M` : value >= 1e3 ? `${(value / 1e3).toFixed(1)}k` : String(value),
  },
];

/** Figures that say something about the method by how they differ from seed to seed. */
const withInterval: ReadonlySet<FigureName> = new Set(['gain', 'forgetting', 'klNats']);

/** A mean with its interval, where it has one worth telling. */
export function meanText({ figure, text }: Column, mean: Mean | undefined): string {
  if (mean === undefined) return '';
  const { low, high } = mean;
  const told = low !== undefined && high !== undefined && withInterval.has(figure);
  return told ? `${text(mean.mean)} (${text(low)} to ${text(high)})` : text(mean.mean);
}

/** How many runs of a method are done. */
export const doneText = ({ runs }: MethodResult): string =>
  `${runs.filter(({ state }) => state === 'done').length}/${runs.length}`;

/** The comparison as lines of text in columns. */
export function compareText(result: CompareResult): string {
  const { methods, seeds } = result;
  const columns = columnsOf(result.gain).filter(({ figure }) => methods.some(({ figures }) => figures[figure]));
  const head = ['', 'method', 'runs', ...columns.map(({ title }) => title)];
  const rows = methods.map((method) => [
    method.front ? '*' : '',
    method.name,
    doneText(method),
    ...columns.map((column) => meanText(column, method.figures[column.figure])),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const noise = seeds.length > 1 ? `mean and 95% interval over ${seeds.length} seeds` : 'one seed has no interval';
  return [
    ...lines,
    '',
    `* on the front: no other method is as good in gain, forgetting and cost, and better in one; ${noise}`,
  ].join('\n');
}
