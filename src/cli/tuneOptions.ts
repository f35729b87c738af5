import { type ConfigField, configFields } from '../loop/configFields.ts';
import { readConfigFile } from '../loop/runFolder.ts';
import { type FieldName, parseConfig, withField } from '../loop/parseConfig.ts';
import type { TuneConfig } from '../loop/config.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Args, Option, OptionKind } from './args.ts';

/** Short options and the fields that they set. */
export const aliases: Readonly<Record<string, string>> = {
  model: 'model.path',
  data: 'data.path',
  'eval-data': 'data.evalPath',
  split: 'data.split',
  'data-config': 'data.config',
  'eval-split': 'data.evalSplit',
  'eval-share': 'data.evalShare',
  columns: 'data.columns',
  'max-length': 'data.maxLength',
  packing: 'data.packing',
  loss: 'data.loss',
  adapter: 'adapter.type',
  'init-adapter': 'adapter.init',
  'lora-r': 'adapter.r',
  'lora-alpha': 'adapter.alpha',
  'lora-dropout': 'adapter.dropout',
  'target-modules': 'adapter.targetModules',
  objective: 'objective.type',
  optimizer: 'optimizer.type',
  'learning-rate': 'optimizer.learningRate',
  'weight-decay': 'optimizer.weightDecay',
  'max-grad-norm': 'optimizer.maxGradNorm',
  'lr-scheduler-type': 'schedule.type',
  'warmup-steps': 'schedule.warmupSteps',
  epochs: 'train.epochs',
  'max-steps': 'train.maxSteps',
  'max-time': 'train.maxTimeMinutes',
  'batch-size': 'train.batchSize',
  'gradient-accumulation-steps': 'train.gradientAccumulationSteps',
  'eval-steps': 'train.evalSteps',
  'save-steps': 'train.saveSteps',
  'save-total-limit': 'train.saveTotalLimit',
  seed: 'train.seed',
  engine: 'engine.name',
  threads: 'engine.threads',
  precision: 'engine.precision',
};

const placeholders: Readonly<Record<string, string>> = {
  model: 'M',
  data: 'D…',
  'eval-data': 'D…',
  'init-adapter': 'A',
};

function fieldOption(name: string, field: ConfigField): Option {
  const kind: OptionKind = field.path === 'train.maxTimeMinutes' ? { type: 'minutes' } : field.kind;
  const value = placeholders[name];
  return {
    name,
    kind,
    description: field.description,
    path: field.path,
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(value === undefined ? {} : { value }),
  };
}

/** One option per field of the config under its path, and the short ones. */
export function configOptions(): Option[] {
  const byPath = new Map(configFields.map((field) => [field.path, field]));
  const short = Object.entries(aliases).map(([name, path]) => {
    const field = byPath.get(path);
    if (field === undefined) throw new RangeError(`Expected a config field ${path} for --${name}`);
    return fieldOption(name, field);
  });
  return [...short, ...configFields.map((field) => fieldOption(field.path, field))];
}

/** The config that `--config` and the options make, the options on top. UsageError that names the option, or file and field. */
export async function configOf(args: Args, options: readonly Option[]): Promise<TuneConfig> {
  const file = args.text('config');
  let value = file === undefined ? {} : await readConfigFile(file);
  const from = new Map<string, string>();
  for (const { name, path, kind } of options) {
    const given = args.given.get(name);
    if (path === undefined || given === undefined) continue;
    const before = from.get(path);
    if (before !== undefined) throw new UsageError(`${before} and --${name} set the same field`);
    from.set(path, `--${name}`);
    // One text of a field that takes several is that text.
    const [only] = Array.isArray(given) ? given : [];
    const single = kind.type === 'texts' && Array.isArray(given) && given.length === 1;
    value = withField(value, path, single ? only : given);
  }
  const set = [...from.keys()].find(
    (path) => path.startsWith('adapter.') && path !== 'adapter.init' && path !== 'adapter.type',
  );
  if (from.has('adapter.init') && set !== undefined) {
    throw new UsageError(`${from.get(set)}: the adapter that --init-adapter names decides this`);
  }
  const short = new Map(Object.entries(aliases).map(([name, path]) => [path, `--${name}`]));
  const nameOf: FieldName = (path) => {
    const option = [...from].find(([set]) => path === set || path.startsWith(`${set}.`))?.[1];
    return option ?? (file === undefined ? (short.get(path) ?? path) : path === '' ? file : `${file}: ${path}`);
  };
  return parseConfig(value, nameOf);
}
