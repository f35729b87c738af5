import { ticks } from '../chart.ts';
import { escapeHtml } from '../html.ts';
import type { Mean } from './figures.ts';

export interface Place {
  /** A letter or two that stand in the point. */
  readonly mark: string;
  readonly name: string;
  /** Number of its colour. */
  readonly colour: number;
  readonly onFront: boolean;
  readonly x: Mean;
  readonly y: Mean;
  /** Single runs. */
  readonly runs: readonly { readonly x: number; readonly y: number }[];
}

export interface Axis {
  readonly title: string;
  readonly text: (value: number) => string;
}

const short = (value: number): string => String(Number(value.toPrecision(4))).replace('-', '−');

/** Where the values of an axis lie, from 0 to 1, and its round numbers. */
function scaleOf(values: readonly number[]): {
  readonly marks: readonly number[];
  readonly at: (value: number) => number;
} {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const marks = ticks(low, high);
  const [first = 0, last = 1] = [marks[0], marks.at(-1)];
  return { marks, at: (value) => Math.min(1, Math.max(0, (value - first) / (last - first || 1))) };
}

/** Points with 95% intervals as HTML with an inline SVG that takes any width; marks and labels are text, so they stay readable on a phone. Intervals that would dwarf the points are cut at the frame. */
export function scatter(title: string, axes: { readonly x: Axis; readonly y: Axis }, places: readonly Place[]): string {
  if (places.length === 0) return '';
  const valuesOf = (axis: 'x' | 'y'): number[] =>
    places.flatMap((place) => [place[axis].mean, ...place.runs.map((run) => run[axis])]);
  const [xs, ys] = [scaleOf(valuesOf('x')), scaleOf(valuesOf('y'))];
  const px = (value: number): string => (1000 * xs.at(value)).toFixed(1);
  const py = (value: number): string => (300 * (1 - ys.at(value))).toFixed(1);
  const grid = [
    ...ys.marks.map((mark) => `<path class="grid" d="M0 ${py(mark)}H1000"/>`),
    ...xs.marks.map((mark) => `<path class="grid" d="M${px(mark)} 0V300"/>`),
  ];
  const drawn = places.map(({ colour, x, y, runs }) => {
    const bars = [
      ...(x.low === undefined || x.high === undefined ? [] : [`M${px(x.low)} ${py(y.mean)}H${px(x.high)}`]),
      ...(y.low === undefined || y.high === undefined ? [] : [`M${px(x.mean)} ${py(y.low)}V${py(y.high)}`]),
    ];
    const dots = runs.map((run) => `M${px(run.x)} ${py(run.y)}h0`);
    return `<g class="c${colour}"><path class="bars" d="${bars.join('')}"/><path class="runs" d="${dots.join('')}"/></g>`;
  });
  const marks = places.map(
    ({ mark, name, colour, onFront, x, y }) =>
      `<b class="mark c${colour}${onFront ? ' front' : ''}" style="left:${(100 * xs.at(x.mean)).toFixed(2)}%;top:${(100 * (1 - ys.at(y.mean))).toFixed(2)}%" title="${escapeHtml(`${name}: ${axes.x.title} ${axes.x.text(x.mean)}, ${axes.y.title} ${axes.y.text(y.mean)}`)}">${escapeHtml(mark)}</b>`,
  );
  const yScale = ys.marks.toReversed().map((mark) => `<span>${short(mark)}</span>`);
  const xScale = xs.marks.map((mark) => `<span style="left:${(100 * xs.at(mark)).toFixed(2)}%">${short(mark)}</span>`);
  const label = `${title}: ${axes.y.title} over ${axes.x.title}`;
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>
<div class="yname">${escapeHtml(axes.y.title)} ↑</div>
<div class="plot"><div class="scale">${yScale.join('')}</div><div class="field"><svg viewBox="0 0 1000 300" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(label)}">${grid.join('')}${drawn.join('')}</svg>${marks.join('')}</div>
<div class="xscale">${xScale.join('')}</div><div class="xname">← ${escapeHtml(axes.x.title)}</div></div></figure>`;
}
