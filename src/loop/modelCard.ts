import { repositoryOf } from '../hub/hubId.ts';
import { peftVersion } from '../hub/peft-config.ts';
import type { TuneConfig } from './config.ts';
import { listOf } from './dataPaths.ts';
import type { DoneEvent, EvalEvent, MetricsLine } from './events.ts';
import type { RunRecord } from './runFolder.ts';

export interface ModelCardInput {
  readonly config: TuneConfig;
  readonly run: RunRecord;
  readonly metrics: readonly MetricsLine[];
  /** What the card is for: an adapter, or the model itself. */
  readonly kind: 'adapter' | 'model';
  readonly classifies: boolean;
  /** Of the base, the hub's short name. */
  readonly license: string | undefined;
}

const quoted = (text: string): string => JSON.stringify(text);
const listed = (name: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`${name}:`, ...items.map((item) => `- ${quoted(item)}`)];

/** The fields that the hub reads. A data set is named where it is one of the hub's. */
function frontMatter({ config, kind, classifies, license }: ModelCardInput, base: string): string {
  const adapter = kind === 'adapter';
  const datasets = listOf(config.data.path).flatMap((path) => repositoryOf(path) ?? []);
  const tags = [
    ...(adapter ? [`base_model:adapter:${base}`, config.adapter.type] : []),
    config.objective.type,
    'transformers',
    'tuneloop',
  ];
  return [
    '---',
    `base_model: ${quoted(base)}`,
    ...(adapter ? [] : ['base_model_relation: finetune']),
    `library_name: ${adapter ? 'peft' : 'transformers'}`,
    `pipeline_tag: ${classifies ? 'text-classification' : 'text-generation'}`,
    ...(license === undefined ? [] : [`license: ${quoted(license)}`]),
    ...listed('datasets', datasets),
    ...listed('tags', tags),
    '---',
  ].join('\n');
}

function results(metrics: readonly MetricsLine[]): string {
  const evals = metrics.filter((line): line is EvalEvent => line.type === 'eval');
  const done = metrics.find((line): line is DoneEvent => line.type === 'done');
  const before = evals.find(({ step }) => step === 0);
  const after = evals.findLast(({ step }) => step > 0 && step <= (done?.adapterStep ?? Infinity));
  if (!before || !after) return 'Nothing was held out to evaluate on.';
  const rows = (['evalLoss', 'accuracy', 'reward'] as const).flatMap((metric) => {
    const [from, to] = [before[metric], after[metric]];
    const name = { evalLoss: 'evaluation loss (nats per learned token)', accuracy: 'accuracy', reward: 'reward' }[
      metric
    ];
    return from === undefined || to === undefined ? [] : [`| ${name} | ${from.toFixed(4)} | ${to.toFixed(4)} |`];
  });
  return `On data that it was not trained on:\n\n| | before | after step ${after.step} |\n|---|---|---|\n${rows.join('\n')}`;
}

function usage({ kind, classifies }: ModelCardInput, base: string): string {
  const auto = classifies ? 'AutoModelForSequenceClassification' : 'AutoModelForCausalLM';
  const lines =
    kind === 'adapter'
      ? [
          'from peft import PeftModel',
          `from transformers import ${auto}`,
          '',
          `model = ${auto}.from_pretrained(${quoted(base)})`,
          'model = PeftModel.from_pretrained(model, "path/to/this/folder")',
        ]
      : [`from transformers import ${auto}`, '', `model = ${auto}.from_pretrained("path/to/this/folder")`];
  return `\`\`\`python\n${lines.join('\n')}\n\`\`\``;
}

/** The README.md of what a run trained, with the header that the Hugging Face hub reads: base, library, licence of the base, data sets, tags. */
export function modelCard(input: ModelCardInput): string {
  const { config, run, metrics, kind } = input;
  const base = repositoryOf(config.model.path) ?? config.model.path;
  const done = metrics.find((line): line is DoneEvent => line.type === 'done');
  const { adapter, objective, optimizer, schedule, train, data } = config;
  const share = ((100 * run.parameters.trained) / run.parameters.all).toPrecision(3);
  const trainedOn = listOf(data.path).map((path) => repositoryOf(path) ?? path.split(/[\\/]/).at(-1) ?? path);
  const name = base.split(/[\\/]/).at(-1) ?? base;
  return `${frontMatter(input, base)}

# ${kind === 'adapter' ? `${adapter.type} adapter of ${name}` : `${name}, fine-tuned`}

Trained by ${objective.type} on ${trainedOn.join(', ')}: ${run.parameters.trained.toLocaleString('en')} parameters (${share}% of the model's ${run.parameters.all.toLocaleString('en')})${done ? `, ${done.step} steps` : ''}.

${usage(input, base)}

## Results

${results(metrics)}

## Training

${run.preview.notes.map((note) => `- ${note}`).join('\n')}

| | |
|---|---|
| adapter | ${code(adapter)} |
| optimizer | ${code(optimizer)} |
| schedule | ${code(schedule)} |
| rows per step | ${train.batchSize * train.gradientAccumulationSteps} |
| seed | ${train.seed} |

The whole config stands in the run's config.json, curves and answers in its report.html.
${done && done.adapterStep !== done.step ? `\nThe weights are those of step ${done.adapterStep}, the best evaluation.\n` : ''}
### Framework versions

${Object.entries(run.versions)
  .map(([program, version]) => `- ${program} ${version}`)
  .join('\n')}${kind === 'adapter' ? `\n- PEFT ${peftVersion}` : ''}
`;
}

const code = (value: object): string => `\`${JSON.stringify(value).replaceAll('|', String.raw`\|`)}\``;
