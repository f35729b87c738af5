import { definitions, escapeHtml } from '../html.ts';
import { reportStyle } from '../reportStyle.ts';
import { pageStyle } from './pageStyle.ts';
import type { FigureName, Mean } from './figures.ts';
import type { CompareResult, CompareRun, MethodResult } from './result.ts';
import { type Axis, type Place, scatter } from './scatter.ts';
import { type Column, columnsOf, doneText, meanText } from './table.ts';

const lastPart = (path: string): string => path.split(/[\\/]/).at(-1) ?? path;
const colours = 8;

/** A, B, … Z, A2, … */
const markOf = (i: number): string => `${String.fromCharCode(65 + (i % 26))}${i < 26 ? '' : Math.floor(i / 26) + 1}`;

interface Marked {
  readonly method: MethodResult;
  readonly mark: string;
  readonly colour: number;
}

const chip = ({ method, mark, colour }: Marked): string =>
  `<b class="mark c${colour}${method.front ? ' front' : ''}">${mark}</b>`;

const row = (tag: 'td' | 'th', cells: readonly string[], kind = ''): string =>
  `<tr${kind === '' ? '' : ` class="${kind}"`}>${cells.map((cell) => (cell.startsWith('<td') ? cell : `<${tag}>${cell}</${tag}>`)).join('')}</tr>`;

const wide = (rows: readonly string[]): string => `<div class="wide"><table>${rows.join('\n')}</table></div>`;

/** A mean with its interval below. */
function cell(column: Column, mean: Mean | undefined): string {
  if (mean === undefined) return '<td class="none">–</td>';
  const [value = '', interval] = meanText(column, mean).split(' (');
  return `${escapeHtml(value)}${interval === undefined ? '' : `<small>${escapeHtml(interval.slice(0, -1))}</small>`}`;
}

function mainTable(result: CompareResult, methods: readonly Marked[], columns: readonly Column[]): string {
  const { commonSeeds } = result;
  const seeds = commonSeeds.length > 1 ? `<th>front, by seed</th>` : '';
  const head = `<tr><th></th><th>method</th><th>runs</th>${columns.map(({ title }) => `<th>${escapeHtml(title)}</th>`).join('')}${seeds}</tr>`;
  const rows = methods.map((marked) => {
    const { method } = marked;
    return row('td', [
      chip(marked),
      `<td class="name">${escapeHtml(method.name)}</td>`,
      doneText(method),
      ...columns.map((column) => cell(column, method.figures[column.figure])),
      ...(seeds === '' ? [] : [`${method.frontSeeds} of ${commonSeeds.length}`]),
    ]);
  });
  return wide([head, ...rows]);
}

/** Whether an interval lies on one side of zero. */
const isSure = ({ low, high }: Mean): boolean => low !== undefined && high !== undefined && (low > 0 || high < 0);

/** A difference, with its sign whatever the column. */
function differenceCell(column: Column, mean: Mean | undefined): string {
  if (mean === undefined) return '<td class="none">–</td>';
  const signed = (value: number): string => {
    const text = column.text(Math.abs(value)).replace(/^\+/, '');
    return `${value < 0 ? '−' : '+'}${text}`;
  };
  const { low, high } = mean;
  const interval =
    low === undefined || high === undefined ? '' : `<small>${escapeHtml(`${signed(low)} to ${signed(high)}`)}</small>`;
  return `<td${isSure(mean) ? ' class="sure"' : ''}>${escapeHtml(signed(mean.mean))}${interval}</td>`;
}

const compared: ReadonlySet<FigureName> = new Set(['gain', 'forgetting', 'klNats', 'cpuSeconds']);

function againstTable([first, ...others]: readonly Marked[], columns: readonly Column[]): string {
  const shown = columns.filter(({ figure }) => compared.has(figure));
  const known = others.filter(({ method }) => Object.keys(method.against ?? {}).length > 0);
  if (first === undefined || known.length === 0) return '';
  const name = escapeHtml(first.method.name);
  return `<h2>Against ${name}, seed by seed</h2>
<p>What each method has more than ${name} on the same seed, so on the same data in the same order; mean and 95% interval. <b>Bold</b> is what the interval says is no chance: with many methods and figures one in twenty would be.</p>
${wide([
  `<tr><th></th><th>method</th>${shown.map(({ title }) => `<th>${escapeHtml(title)}</th>`).join('')}</tr>`,
  ...known.map((marked) =>
    row('td', [
      chip(marked),
      `<td class="name">${escapeHtml(marked.method.name)}</td>`,
      ...shown.map((column) => differenceCell(column, marked.method.against?.[column.figure])),
    ]),
  ),
])}`;
}

const link = (path: string, text: string): string =>
  `<a href="${escapeHtml(path.split('/').map(encodeURIComponent).join('/'))}">${escapeHtml(text)}</a>`;

function runRow(marked: Marked, run: CompareRun, columns: readonly Column[]): string {
  const { seed, folder, state, figures, error } = run;
  const head = [chip(marked), String(seed)];
  if (state === 'done')
    return row('td', [
      ...head,
      `${link(`${folder}/report.html`, 'report')} ${link(`${folder}/`, 'folder')}`,
      ...columns.map(({ figure, text }) => {
        const value = figures?.[figure];
        return value === undefined ? '–' : escapeHtml(text(value));
      }),
      escapeHtml(`${run.stopReason ?? ''}, step ${run.step ?? ''}`),
    ]);
  const said = state === 'failed' ? `failed: ${error ?? ''}` : 'not done yet';
  const cells = head.map((each) => `<td>${each}</td>`).join('');
  return `<tr${state === 'failed' ? ' class="failed"' : ''}>${cells}<td colspan="${columns.length + 2}">${escapeHtml(said)}</td></tr>`;
}

function runsTable(methods: readonly Marked[], columns: readonly Column[]): string {
  const head = ['', 'seed', 'run', ...columns.map(({ title }) => escapeHtml(title)), 'ended'];
  return `<h2>Runs</h2>
${wide([row('th', head), ...methods.flatMap((marked) => marked.method.runs.map((run) => runRow(marked, run, columns)))])}`;
}

/** Points of the methods that have both figures. */
function placesOf(methods: readonly Marked[], x: FigureName, y: FigureName): Place[] {
  return methods.flatMap(({ method, mark, colour }): Place[] => {
    const { [x]: atX, [y]: atY } = method.figures;
    if (!atX || !atY) return [];
    const runs = method.runs.flatMap(({ figures }) => {
      const [runX, runY] = [figures?.[x], figures?.[y]];
      return runX === undefined || runY === undefined ? [] : [{ x: runX, y: runY }];
    });
    return [{ mark, name: method.name, colour, onFront: method.front, x: atX, y: atY, runs }];
  });
}

function plots(methods: readonly Marked[], columns: readonly Column[]): string {
  const axis = (figure: FigureName): Axis => {
    const column = columns.find((each) => each.figure === figure);
    return { title: column?.axis ?? figure, text: column?.text ?? String };
  };
  const plot = (title: string, x: FigureName): string =>
    scatter(title, { x: axis(x), y: axis('gain') }, placesOf(methods, x, 'gain'));
  return `<div class="pair">${plot('Gain and forgetting', 'forgetting')}${plot('Gain and cost', 'cpuSeconds')}</div>`;
}

/** What was compared, in sentences. */
function story({ methods, seeds, model, data, engine, threads }: CompareResult): string {
  const runs = methods.flatMap(({ runs }) => runs);
  const done = runs.filter(({ state }) => state === 'done').length;
  const on = engine === undefined ? '' : ` on the engine ${engine.name} in ${engine.precision}`;
  const each = `${threads} ${threads === 1 ? 'thread' : 'threads'} each`;
  const missing = done === runs.length ? '' : ` ${runs.length - done} of ${runs.length} runs are not there.`;
  return `<p>${methods.length} methods, each with ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}, trained ${escapeHtml(lastPart(model))} on ${escapeHtml(data.map(lastPart).join(', '))} with the same budget${on}, ${each}.${missing}</p>
<p>In both pictures better is up and to the left. Small dots are single runs, lines the 95% interval of the mean over seeds, cut where they leave the frame. A <b class="mark front c7">filled</b> mark is on the front: no other method gains at least as much, forgets at most as much and costs at most as much (within 5%), and is better in one of these.</p>`;
}

/** The comparison as one HTML page without anything from outside: pictures, tables with intervals, differences by seed, every run; light and dark, for desk and phone. */
export function comparePage(result: CompareResult, config: object): string {
  const columns = columnsOf(result.gain).filter(({ figure }) =>
    result.methods.some(({ figures }) => figures[figure] !== undefined),
  );
  const methods = result.methods.map((method, i) => ({ method, mark: markOf(i), colour: i % colours }));
  const title = `${result.methods.length} methods on ${lastPart(result.model)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${reportStyle}${pageStyle}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${story(result)}
${plots(methods, columns)}
<h2>What each method came to</h2>
${mainTable(result, methods, columns)}
${definitions(columns.map(({ title, about, better }) => [title, better === undefined ? about : `${about}; ${better} is better`]))}
${againstTable(methods, columns)}
${runsTable(methods, columns)}
<h2>How to do it again</h2>
<p>With the config.json beside this page: <code>npx tuneloop compare --config config.json --out again</code></p>
${definitions(methods.map(({ method }) => [method.name, JSON.stringify(method.changes)]))}
<details><summary>Config</summary><pre>${escapeHtml(JSON.stringify(config, null, 2))}</pre></details>
${definitions(Object.entries(result.versions))}
</body></html>
`;
}
