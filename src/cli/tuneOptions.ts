import { type ConfigField, configFields } from '../loop/configFields.ts';
import { isRecord } from '../hub/json.ts';
import { findConfigFile, readConfigFile } from '../loop/configFile.ts';
import { type FieldName, parseConfig, withField } from '../loop/parseConfig.ts';
import type { TuneConfig } from '../loop/config.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Args, Option, OptionKind } from './args.ts';

/** Short options and the fields that they set. */
export const aliases: Readonly<Record<string, string>> = {
  model: 'model.path',
  quantization: 'model.quantization',
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
  'data-step': 'dataStep.type',
  adapter: 'adapter.type',
  'init-adapter': 'adapter.init',
  'lora-r': 'adapter.r',
  'lora-alpha': 'adapter.alpha',
  'lora-dropout': 'adapter.dropout',
  'target-modules': 'adapter.targetModules',
  objective: 'objective.type',
  'label-smoothing-factor': 'objective.labelSmoothingFactor',
  optimizer: 'optimizer.type',
  'learning-rate': 'optimizer.learningRate',
  'weight-decay': 'optimizer.weightDecay',
  'max-grad-norm': 'optimizer.maxGradNorm',
  'lr-scheduler-type': 'schedule.type',
  'warmup-steps': 'schedule.warmupSteps',
  reward: 'reward.path',
  epochs: 'train.epochs',
  'max-steps': 'train.maxSteps',
  'max-time': 'train.maxTimeMinutes',
  'batch-size': 'train.batchSize',
  'gradient-accumulation-steps': 'train.gradientAccumulationSteps',
  'eval-steps': 'train.evalSteps',
  'load-best-model-at-end': 'train.loadBestModelAtEnd',
  'metric-for-best-model': 'train.metricForBestModel',
  'greater-is-better': 'train.greaterIsBetter',
  'early-stopping-patience': 'train.earlyStoppingPatience',
  'early-stopping-threshold': 'train.earlyStoppingThreshold',
  'save-steps': 'train.saveSteps',
  'save-total-limit': 'train.saveTotalLimit',
  'gradient-checkpointing': 'train.gradientCheckpointing',
  'max-forgetting': 'forgetting.max',
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

/** The seams of a file whose type an option changes lose the fields that belonged to the other type; each is told. */
function withoutOtherTypes(
  value: Readonly<Record<string, unknown>>,
  from: ReadonlyMap<string, string>,
  type: (option: string) => unknown,
  say: (line: string) => void,
): Record<string, unknown> {
  const seams = Object.entries(value).map(([seam, held]): [string, unknown] => {
    const option = from.get(`${seam}.type`);
    if (option === undefined || !isRecord(held)) return [seam, held];
    const { type: before, ...others } = held;
    const names = Object.keys(others);
    if (before === type(option) || names.length === 0) return [seam, held];
    say(`${option} replaces the file's ${seam}: ${names.join(', ')}`);
    return [seam, {}];
  });
  return Object.fromEntries(seams);
}

/** The file that `--config` names, or the working folder's own. */
async function configFileOf(args: Args, say: (line: string) => void): Promise<string | undefined> {
  const named = args.text('config');
  if (named !== undefined && args.flag('no-config'))
    throw new UsageError('--config and --no-config exclude each other');
  if (named !== undefined || args.flag('no-config')) return named;
  const found = await findConfigFile('');
  if (found !== undefined) say(`Config: ${found}`);
  return found;
}

/** A config before it is checked, and what its fields are called where they come from. */
export interface GivenConfig {
  readonly value: Readonly<Record<string, unknown>>;
  readonly nameOf: FieldName;
}

/** What a file and the options make, the options on top. UsageError that names the option. */
export async function givenConfig(
  args: Args,
  options: readonly Option[],
  say: (line: string) => void,
): Promise<GivenConfig> {
  const file = await configFileOf(args, say);
  const from = new Map<string, string>();
  const set: [string, unknown][] = [];
  for (const { name, path, kind } of options) {
    const given = args.given.get(name);
    if (path === undefined || given === undefined) continue;
    const before = from.get(path);
    if (before !== undefined) throw new UsageError(`${before} and --${name} set the same field`);
    from.set(path, `--${name}`);
    // One text of a field that takes several is that text.
    const [only] = Array.isArray(given) ? given : [];
    set.push([path, kind.type === 'texts' && Array.isArray(given) && given.length === 1 ? only : given]);
  }
  const decided = [...from.keys()].find(
    (path) => path.startsWith('adapter.') && path !== 'adapter.init' && path !== 'adapter.type',
  );
  if (from.has('adapter.init') && decided !== undefined) {
    throw new UsageError(`${from.get(decided)}: the adapter that --init-adapter names decides this`);
  }
  let value: Record<string, unknown> = {};
  if (file !== undefined)
    value = withoutOtherTypes(await readConfigFile(file), from, (option) => args.given.get(option.slice(2)), say);
  for (const [path, given] of set) value = withField(value, path, given);
  const short = new Map(Object.entries(aliases).map(([name, path]) => [path, `--${name}`]));
  const nameOf: FieldName = (path) => {
    const option = [...from].find(([set]) => path === set || path.startsWith(`${set}.`))?.[1];
    return option ?? (file === undefined ? (short.get(path) ?? path) : path === '' ? file : `${file}: ${path}`);
  };
  return { value, nameOf };
}

/** The config that a file and the options make. UsageError that names the option, or file and field. */
export async function configOf(
  args: Args,
  options: readonly Option[],
  say: (line: string) => void,
): Promise<TuneConfig> {
  const { value, nameOf } = await givenConfig(args, options, say);
  return parseConfig(value, nameOf);
}
