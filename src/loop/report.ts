import { trainsBase } from '../adapters/index.ts';
import { repositoryOf } from '../hub/hubId.ts';
import { chart, type Curve, smoothed } from './chart.ts';
import type { TuneConfig } from './config.ts';
import { engineText } from './engines.ts';
import type { DoneEvent, EvalEvent, MetricsLine, StepEvent, StopReason } from './events.ts';
import { definitions, escapeHtml } from './html.ts';
import { dataSection } from './reportData.ts';
import { outcomeSection } from './reportOutcome.ts';
import { samplesSection } from './reportSamples.ts';
import { reportStyle } from './reportStyle.ts';
import { lossMeaning, lossTitle, type LossUnit } from './reportWords.ts';
import type { RunRecord } from './runFolder.ts';
import type { SampleSet } from './samples.ts';
import { formatBytes, formatDuration } from './units.ts';

export interface ReportInput {
  readonly config: TuneConfig;
  readonly run: RunRecord;
  readonly metrics: readonly MetricsLine[];
  /** Answers to the same prompts, earliest first. */
  readonly samples: readonly SampleSet[];
}

const endings: Readonly<Record<StopReason, string>> = {
  completed: 'went through all its epochs',
  'max-steps': 'reached its number of steps',
  'max-time': 'reached its time limit',
  'early-stopping': 'stopped because no evaluation was better for long',
  'max-forgetting': 'stopped because it forgot more than allowed',
  interrupted: 'was interrupted and can go on',
};

const metricNames = { evalLoss: 'evaluation loss', accuracy: 'accuracy', reward: 'reward' } as const;

interface Told {
  readonly steps: readonly StepEvent[];
  readonly evals: readonly EvalEvent[];
  readonly done: DoneEvent | undefined;
  readonly per: LossUnit;
  /** Milliseconds that forgetting and drift took to measure. */
  readonly measuredMs: number;
}

const fact = (name: string, value: string): string =>
  `<div><span>${escapeHtml(name)}</span><b>${escapeHtml(value)}</b></div>`;
const arrow = (from: number, to: number): string => `${from.toFixed(3)} → ${to.toFixed(3)}`;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function facts({ steps, evals, done }: Told, plan: RunRecord['plan']): string {
  const [first, last] = [steps[0], steps.at(-1)];
  const [before, after] = [evals[0], evals.at(-1)];
  const compared = (['evalLoss', 'accuracy', 'reward'] as const).map((metric) => {
    const [from, to] = [before?.[metric], after?.[metric]];
    return from === undefined || to === undefined ? '' : fact(metricNames[metric], arrow(from, to));
  });
  const peak = done?.peakBytes ?? last?.peakBytes;
  return [
    ...compared,
    first && last ? fact('training loss', arrow(first.loss, last.loss)) : '',
    last ? fact('steps', String(last.step)) : '',
    done !== undefined && done.adapterStep !== done.step ? fact('weights of step', String(done.adapterStep)) : '',
    done?.best
      ? fact(`best ${metricNames[done.best.metric]}`, `${done.best.value.toFixed(3)}, step\u00a0${done.best.step}`)
      : '',
    fact('tokens', sum(steps.map(({ tokens }) => tokens)).toLocaleString('en')),
    peak === undefined ? '' : fact('peak memory', formatBytes(peak)),
    plan?.peakBytes === undefined ? '' : fact('peak memory as planned', formatBytes(plan.peakBytes)),
  ].join('');
}

/** One curve of the steps, faint as it was and smoothed. */
function stepCurves(steps: readonly StepEvent[], of: (step: StepEvent) => number): Curve[] {
  const points = steps.map((step) => ({ x: step.step, y: of(step) }));
  return [
    { name: 'each step', points, style: 'faint' },
    { name: 'smoothed', points: smoothed(points), style: 'main' },
  ];
}

/** What steps on the model's own answers tell beside the reward. */
const answerTitles = {
  completionMeanLength: 'Length of answers, tokens',
  entropy: 'Entropy of the next token, nats',
  kl: 'Divergence from the reference, nats a token',
  clipRatio: 'Share of tokens that were clipped',
} as const;

/** Curves of a metric over the steps that tell it. */
function metricCurves(steps: readonly StepEvent[], name: string): Curve[] {
  const telling = steps.filter(({ metrics }) => metrics?.[name] !== undefined);
  return stepCurves(telling, ({ metrics }) => metrics?.[name] ?? NaN);
}

function curves({ steps, evals, per }: Told): string {
  const evaluated = (metric: 'evalLoss' | 'accuracy' | 'reward'): Curve => ({
    name: 'evaluation',
    style: 'dots',
    points: evals.flatMap(({ step, [metric]: y }) => (y === undefined ? [] : [{ x: step, y }])),
  });
  const terms = [...new Set(steps.flatMap(({ terms = {} }) => Object.keys(terms)))];
  const rates = steps.map(({ step, learningRate }) => ({ x: step, y: learningRate }));
  const losses = chart(lossTitle[per], [...stepCurves(steps, ({ loss }) => loss), evaluated('evalLoss')]);
  const [first, second] =
    per === 'answer'
      ? [chart('Mean reward of answers', [...metricCurves(steps, 'reward'), evaluated('reward')]), losses]
      : [losses, chart('Mean grade of answers to evaluation prompts', [evaluated('reward')])];
  return `${first}
<div class="pair">${[
    chart('Accuracy', [evaluated('accuracy')]),
    second,
    ...Object.entries(answerTitles).map(([name, title]) => chart(title, metricCurves(steps, name))),
    ...terms.map((name) =>
      chart(
        escapeHtml(name),
        stepCurves(steps, ({ terms }) => terms?.[name] ?? NaN),
      ),
    ),
    chart(
      'Gradient norm before clipping',
      stepCurves(steps, ({ gradNorm }) => gradNorm),
    ),
    chart('Learning rate', [{ name: 'each step', points: rates, style: 'main' }]),
  ].join('\n')}</div>`;
}

/** Where the time went, over all sessions of the run. */
function timing({ steps, evals, measuredMs }: Told, samples: readonly SampleSet[]): string {
  if (steps.length === 0) return '';
  const stepMs = steps.map((step) => step.stepMs);
  const inSteps = sum(stepMs);
  const tokens = sum(steps.map((step) => step.tokens));
  const median = stepMs.toSorted((a, b) => a - b)[Math.floor(stepMs.length / 2)] ?? 0;
  const rows = [
    [
      `${steps.length} steps`,
      inSteps,
      `median ${formatDuration(median / 1000)}, ${(tokens / (inSteps / 1000)).toFixed(0)} tokens/s`,
    ],
    [`${evals.length} evaluations`, sum(evals.map(({ evalMs }) => evalMs)), ''],
    ['answers shown above', sum(samples.map(({ sampleMs }) => sampleMs)), ''],
    ['measuring what was forgotten', measuredMs, ''],
  ] as const;
  const shown = rows.filter(([, ms]) => ms > 0);
  return `<h2>Time</h2>
<table>${shown.map(([name, ms, note]) => `<tr><td>${name}</td><td>${formatDuration(ms / 1000)}</td><td>${note}</td></tr>`).join('')}</table>`;
}

/** A hub id as it is, of a path the last part. */
const shortName = (path: string): string => repositoryOf(path) ?? path.split(/[\\/]/).at(-1) ?? path;

/** What was done, in sentences. */
function story({ config, run }: ReportInput, { done, per }: Told): string {
  const { trained, all } = run.parameters;
  const share = ((100 * trained) / all).toPrecision(3);
  const ending = done === undefined ? 'has not ended yet' : endings[done.stopReason];
  const begun = run.startedAt === undefined ? '' : `, started ${run.startedAt.slice(0, 16).replace('T', ' ')} UTC,`;
  const what = trainsBase(config.adapter)
    ? `It trained ${trained.toLocaleString('en')} of the model's own ${all.toLocaleString('en')} parameters`
    : `It trained an adapter (${config.adapter.type}) of ${trained.toLocaleString('en')} parameters beside the model's ${all.toLocaleString('en')}`;
  return `<p>This run of objective ${config.objective.type}${escapeHtml(begun)} ${escapeHtml(ending)}. ${escapeHtml(what)} (${share}%), on the engine ${escapeHtml(engineText(run.engine))}. ${lossMeaning[per]}</p>`;
}

/** The run as one HTML page without anything from outside: what came of it, curves, answers before and after, what was trained on, time, memory, config; light and dark, for desk and phone. */
export function renderReport(input: ReportInput): string {
  const { config, run, metrics, samples } = input;
  const told: Told = {
    steps: metrics.filter((line) => line.type === 'step'),
    evals: metrics.filter((line) => line.type === 'eval'),
    per: run.lossPer ?? 'token',
    done: metrics.find((line) => line.type === 'done'),
    measuredMs: sum(metrics.flatMap((line) => ('measureMs' in line ? [line.measureMs] : []))),
  };
  const title = `Fine-tuning of ${shortName(config.model.path)}`;
  const fingerprints = Object.entries(run.fingerprints).map(([name, hash]): [string, string] => [
    `SHA-256 of ${name}`,
    hash,
  ]);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title><style>${reportStyle}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${story(input, told)}
<div class="facts">${facts(told, run.plan)}</div>
${outcomeSection(metrics, told.done?.adapterStep)}
${curves(told)}
${samplesSection(samples, config.samples.maxNewTokens, told.per)}
${dataSection(config, run)}
${timing(told, samples)}
<h2>How to do it again</h2>
<p>With the config.json beside this page: <code>npx tuneloop tune <span class="whole">--config config.json</span> <span class="whole">--out again</span></code></p>
<details><summary>Config</summary><pre>${escapeHtml(JSON.stringify(config, null, 2))}</pre></details>
${definitions([...Object.entries(run.versions), ...fingerprints])}
</body></html>
`;
}
