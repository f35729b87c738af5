/** One curve; `dots` draws its points alone. */
export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly style: 'faint' | 'main' | 'other' | 'dots';
}

const maxPoints = 600;

/** Means of neighbours, so that a long run makes a small picture. */
function thinned(points: Curve['points']): Curve['points'] {
  const size = Math.ceil(points.length / maxPoints);
  if (size <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const bucket = points.slice(i * size, (i + 1) * size);
    const mean = (of: (point: { x: number; y: number }) => number): number =>
      bucket.reduce((sum, point) => sum + of(point), 0) / bucket.length;
    return { x: mean(({ x }) => x), y: mean(({ y }) => y) };
  });
}

/** Exponential mean with a memory of a twentieth of the curve, corrected for its start as Adam's. */
export function smoothed(points: Curve['points']): Curve['points'] {
  const keep = 1 - 1 / Math.max(1, points.length / 20);
  let [sum, weight] = [0, 0];
  return points.map(({ x, y }) => {
    sum = keep * sum + (1 - keep) * y;
    weight = keep * weight + (1 - keep);
    return { x, y: sum / weight };
  });
}

/** Round numbers from a little below `low` to a little above `high`. */
export function ticks(low: number, high: number): number[] {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = power * ([1, 2, 5, 10].find((factor) => span / (power * factor) <= 5) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

/** Curves over steps as HTML with an inline SVG that takes any width; labels are text beside it, so they stay readable on a phone. Names must not hold markup. */
export function chart(title: string, curves: readonly Curve[]): string {
  const drawn = curves
    .map((curve) => ({ ...curve, points: thinned(curve.points.filter(({ y }) => Number.isFinite(y))) }))
    .filter(({ points }) => points.length > 0);
  const all = drawn.flatMap(({ points }) => points);
  if (all.length === 0) return '';
  const low = all.reduce((least, { y }) => Math.min(least, y), Infinity);
  const high = all.reduce((most, { y }) => Math.max(most, y), -Infinity);
  const left = all.reduce((least, { x }) => Math.min(least, x), Infinity);
  const right = all.reduce((most, { x }) => Math.max(most, x), -Infinity);
  const marks = ticks(low, high);
  const [bottom = 0, top = 1] = [marks[0], marks.at(-1)];
  const px = (x: number): string => ((1000 * (x - left)) / (right - left || 1)).toFixed(1);
  const py = (y: number): string => (300 - (300 * (y - bottom)) / (top - bottom || 1)).toFixed(1);
  const paths = drawn.map(({ points, style }) => {
    const path = points.map(
      ({ x, y }, i) =>
        `${i > 0 && style !== 'dots' ? 'L' : 'M'}${px(x)} ${py(y)}${style === 'dots' || points.length === 1 ? 'h0' : ''}`,
    );
    return `<path class="${style}" d="${path.join('')}"/>`;
  });
  const grid = marks.map((mark) => `<path class="grid" d="M0 ${py(mark)}H1000"/>`);
  const scale = marks.toReversed().map((mark) => `<span>${short(mark)}</span>`);
  const legend = drawn.map(({ name, style }) => `<span class="key ${style}">${name}</span>`);
  return `<figure><figcaption>${title} <span class="legend">${legend.join(' ')}</span></figcaption>
<div class="plot"><div class="scale">${scale.join('')}</div><svg viewBox="0 0 1000 300" preserveAspectRatio="none" role="img" aria-label="${title}">${grid.join('')}${paths.join('')}</svg>
<div class="steps"><span>${Math.round(left)}</span><span>step</span><span>${Math.round(right)}</span></div></div></figure>`;
}
