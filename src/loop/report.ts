import { chart, smoothed } from './chart.ts';
import type { TuneConfig } from './config.ts';
import { heldOutOf, listOf } from './dataPaths.ts';
import type { DoneEvent, EvalEvent, MetricsLine, StepEvent, StopReason } from './events.ts';
import type { RunRecord } from './runFolder.ts';
import { formatBytes, formatDuration } from './units.ts';

export interface ReportInput {
  readonly config: TuneConfig;
  readonly run: RunRecord;
  readonly metrics: readonly MetricsLine[];
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => escapes[char] ?? char);

const endings: Readonly<Record<StopReason, string>> = {
  completed: 'went through all its epochs',
  'max-steps': 'reached its number of steps',
  'max-time': 'reached its time limit',
  'early-stopping': 'stopped because no evaluation was better for long',
  interrupted: 'was interrupted and can go on',
};

const style = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--paper:#fff;--card:#f5f7f9;--main:#0b63ce;--dots:#c2410c;--learned:#d9f0dd}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#333c48;--paper:#12161c;--card:#1a2028;--main:#6cb0ff;--dots:#ff9a5c;--learned:#1d4a2a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:54rem;padding:1.2rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.4rem;line-height:1.25;margin:.2rem 0;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.8rem 0 .5rem}p{margin:.4rem 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(11rem,45%),1fr));gap:.6rem;margin:1rem 0}
.facts div{background:var(--card);border-radius:.5rem;padding:.5rem .7rem}.facts b{display:block;font-size:1.15rem;font-variant-numeric:tabular-nums}.facts span,figcaption .legend,.scale,.steps,dt{color:var(--soft);font-size:.85rem}
figure{margin:1rem 0}figcaption{font-weight:600}.legend{font-weight:400}.key{margin-left:.6rem;white-space:nowrap}.key:before{content:"";display:inline-block;width:.9rem;height:.2rem;margin-right:.3rem;vertical-align:middle;background:var(--main);border-radius:1rem}
.key.faint:before{opacity:.4}.key.dots:before{background:var(--dots);width:.5rem;height:.5rem}
.plot{display:grid;grid-template-columns:auto 1fr;column-gap:.4rem}.scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right;margin:-.65rem 0;font-variant-numeric:tabular-nums}
svg{width:100%;height:14rem;overflow:visible}svg path{fill:none;vector-effect:non-scaling-stroke;stroke-linecap:round;stroke-linejoin:round}
.grid{stroke:var(--line);stroke-width:1}svg .faint{stroke:var(--main);stroke-width:1;opacity:.4}svg .main{stroke:var(--main);stroke-width:2.2}svg .dots{stroke:var(--dots);stroke-width:9}
.steps{grid-column:2;display:flex;justify-content:space-between;margin-top:.3rem}
pre{background:var(--card);border-radius:.5rem;padding:.7rem;margin:.4rem 0;font-size:.82rem;line-height:1.45;white-space:pre-wrap;overflow-wrap:anywhere;max-height:24rem;overflow-y:auto}mark{background:var(--learned);color:inherit;border-radius:.2rem}
dl{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.2rem .8rem;margin:.4rem 0}dd{margin:0;overflow-wrap:anywhere}summary{cursor:pointer}`;

const fact = (name: string, value: string): string => `<div><span>${escape(name)}</span><b>${escape(value)}</b></div>`;
const list = (items: readonly (readonly [string, string])[]): string =>
  `<dl>${items.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>`;

function facts(
  steps: readonly StepEvent[],
  evals: readonly EvalEvent[],
  done: DoneEvent | undefined,
  plan: RunRecord['plan'],
): string {
  const [first, last] = [steps[0], steps.at(-1)];
  const [before, after] = [evals[0], evals.at(-1)];
  const tokens = steps.reduce((sum, step) => sum + step.tokens, 0);
  const stepMs = steps.reduce((sum, step) => sum + step.stepMs, 0);
  const peak = done?.peakBytes ?? last?.peakBytes;
  const arrow = (from: number, to: number): string => `${from.toFixed(3)} → ${to.toFixed(3)}`;
  return [
    first && last ? fact('training loss', arrow(first.loss, last.loss)) : '',
    before && after ? fact('evaluation loss', arrow(before.evalLoss, after.evalLoss)) : '',
    before?.accuracy !== undefined && after?.accuracy !== undefined
      ? fact('accuracy', arrow(before.accuracy, after.accuracy))
      : '',
    before?.reward !== undefined && after?.reward !== undefined
      ? fact('reward', arrow(before.reward, after.reward))
      : '',
    last ? fact('steps', String(last.step)) : '',
    done !== undefined && done.adapterStep !== done.step ? fact('weights of step', String(done.adapterStep)) : '',
    done?.best ? fact(`best ${done.best.metric}`, `${done.best.value.toFixed(3)}, step ${done.best.step}`) : '',
    fact('tokens', tokens.toLocaleString('en')),
    stepMs > 0 ? fact('tokens per second', (tokens / (stepMs / 1000)).toFixed(0)) : '',
    fact('time in steps', formatDuration(stepMs / 1000)),
    peak === undefined ? '' : fact('peak memory', formatBytes(peak)),
    plan?.trainBytes === undefined
      ? ''
      : fact('peak memory as planned', formatBytes(Math.max(plan.trainBytes, plan.evalBytes ?? 0))),
  ].join('');
}

/** The run as one HTML page without anything from outside: what was trained on, curves, timing, memory, config; light and dark, for desk and phone. */
export function renderReport({ config, run, metrics }: ReportInput): string {
  const steps = metrics.filter((line): line is StepEvent => line.type === 'step');
  const evals = metrics.filter((line): line is EvalEvent => line.type === 'eval');
  const done = metrics.find((line): line is DoneEvent => line.type === 'done');
  const losses = steps.map(({ step, loss }) => ({ x: step, y: loss }));
  const norms = steps.map(({ step, gradNorm }) => ({ x: step, y: gradNorm }));
  const curves = [
    chart('Loss per learned token', [
      { name: 'each step', points: losses, style: 'faint' },
      { name: 'smoothed', points: smoothed(losses), style: 'main' },
      { name: 'evaluation', points: evals.map(({ step, evalLoss }) => ({ x: step, y: evalLoss })), style: 'dots' },
    ]),
    ...(['accuracy', 'reward'] as const).map((metric) => {
      const points = evals.flatMap(({ step, [metric]: y }) => (y === undefined ? [] : [{ x: step, y }]));
      const title = metric === 'reward' ? 'Mean grade of answers to evaluation prompts' : 'Accuracy';
      return chart(title, [{ name: 'evaluation', points, style: 'dots' }]);
    }),
    chart('Gradient norm before clipping', [
      { name: 'each step', points: norms, style: 'faint' },
      { name: 'smoothed', points: smoothed(norms), style: 'main' },
    ]),
  ].join('\n');
  const ending = done === undefined ? 'has not ended yet' : endings[done.stopReason];
  const example = run.preview.example
    .map((line) => (line.startsWith('+') ? `<mark>${escape(line)}</mark>` : escape(line)))
    .join('\n');
  const data: [string, string][] = [['training', listOf(config.data.path).join(', ')]];
  const heldOut = heldOutOf(config.data)?.paths.join(', ');
  const { evalShare } = config.data;
  if (heldOut !== undefined) data.push(['evaluation', heldOut]);
  else if (evalShare !== undefined) data.push(['evaluation', `${(100 * evalShare).toFixed(1)}% of the same`]);
  const share = ((100 * run.parameters.trained) / run.parameters.all).toPrecision(3);
  const fingerprints = Object.entries(run.fingerprints).map(([name, hash]): [string, string] => [
    `SHA-256 of ${name}`,
    hash,
  ]);
  const title = `${config.objective.type.toUpperCase()} of ${config.model.path}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(title)}</title><style>${style}</style></head>
<body><h1>${escape(title)}</h1>
<p>The run ${escape(ending)}. It trained ${run.parameters.trained.toLocaleString('en')} parameters (adapter: ${escape(config.adapter.type)}), ${share}% of the model's ${run.parameters.all.toLocaleString('en')}.</p>
<div class="facts">${facts(steps, evals, done, run.plan)}</div>
${curves}
<h2>What it was trained on</h2>
${list(data)}
${run.preview.notes.map((note) => `<p>${escape(note)}</p>`).join('\n')}
<details open><summary>One example, token by token; what is learned is marked</summary><pre>${example}</pre></details>
<h2>How to do it again</h2>
<details><summary>Config</summary><pre>${escape(JSON.stringify(config, null, 2))}</pre></details>
${list([['engine', `${run.engine.name}, ${run.engine.precision}`], ...Object.entries(run.versions), ...fingerprints])}
</body></html>
`;
}
