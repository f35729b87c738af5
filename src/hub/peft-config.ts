import { describe, recordOf } from './json.ts';
import { checkPathPattern } from './peft-target.ts';

/** How the factors start: true is PEFT's default; the decompositions take a part of the base into the factors. */
export type LoraInit = boolean | 'gaussian' | 'eva' | 'orthogonal' | 'olora' | 'pissa' | `pissa_niter_${number}`;

/** Which biases of the base are trained too. */
export type LoraBias = 'none' | 'all' | 'lora_only';

/** What PEFT takes a model for; with SEQ_CLS it trains and saves the classifier's head too. */
export type PeftTaskType = 'CAUSAL_LM' | 'SEQ_CLS';

/** A PEFT LoraConfig, its keys in camelCase; an absent field is PEFT's null. */
export interface PeftLoraConfig {
  readonly r: number;
  readonly loraAlpha: number;
  readonly loraDropout: number;
  readonly useRslora: boolean;
  /** The adapted weights are stored as [in, out]; says nothing about the factors. */
  readonly fanInFanOut?: boolean;
  /** Suffixes of module paths, or one regular expression, or all-linear; absent in files of writers that leave it to the tensors. */
  readonly targetModules?: readonly string[] | string;
  readonly excludeModules?: readonly string[] | string;
  readonly layersToTransform?: readonly number[] | number;
  readonly layersPattern?: readonly string[] | string;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  readonly initLoraWeights: LoraInit;
  readonly bias?: LoraBias;
  /** Endings of the paths of modules that are trained whole. */
  readonly modulesToSave?: readonly string[];
  /** Token ids whose rows of the input embedding are trained, or ids by the embedding's name. */
  readonly trainableTokenIndices?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  readonly useDora?: boolean;
  /** B has a bias. */
  readonly loraBias?: boolean;
  readonly baseModelNameOrPath?: string;
  readonly taskType?: PeftTaskType;
}

/** The PEFT version whose files are written. */
export const peftVersion = '0.21.0';

/** Keys that change nothing once the tensors exist. */
const inertKeys: readonly string[] = [
  'auto_mapping',
  'eva_config',
  'inference_mode',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
];

/** Keys that PEFT writes and whose feature is off. */
const offValues = {
  alora_invocation_tokens: null,
  arrow_config: null,
  auto_mapping: null,
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  inference_mode: true,
  kasa_config: null,
  layer_replication: null,
  loftq_config: {},
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  monteclora_config: null,
  peft_type: 'LORA',
  peft_version: peftVersion,
  qalora_group_size: 16,
  revision: null,
  target_parameters: null,
  use_bdlora: null,
  use_qalora: false,
  velora_config: null,
};

const isOff = (value: unknown): boolean =>
  value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);

const isString = (value: unknown): value is string => typeof value === 'string';
const isStrings = (value: unknown): value is string | string[] =>
  isString(value) || (Array.isArray(value) && value.every(isString));
const isLayer = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isLayers = (value: unknown): value is number | number[] =>
  isLayer(value) || (Array.isArray(value) && value.every(isLayer));
const isRank = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
const isFiniteNumber = (value: unknown): value is number => Number.isFinite(value);
const isRate = (value: unknown): value is number => isFiniteNumber(value) && value >= 0 && value < 1;
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const initNames: ReadonlySet<unknown> = new Set(['gaussian', 'eva', 'orthogonal', 'olora', 'pissa']);
const isInit = (value: unknown): value is LoraInit =>
  isFlag(value) || initNames.has(value) || (isString(value) && /^pissa_niter_\d+$/.test(value));
const isBias = (value: unknown): value is LoraBias => value === 'none' || value === 'all' || value === 'lora_only';
const isNames = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString);
const isTokens = (value: unknown): value is number[] => Array.isArray(value) && value.every(isLayer);
const isTokenMap = (value: unknown): value is number[] | Record<string, number[]> =>
  isTokens(value) || mapOf(isTokens)(value);
const isTask = (value: unknown): value is PeftTaskType => value === 'CAUSAL_LM' || value === 'SEQ_CLS';
const mapOf =
  <T>(check: (value: unknown) => value is T) =>
  (value: unknown): value is Record<string, T> =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(check);

/** Checks a parsed adapter_config.json. TypeError, naming file and key, for a PEFT type or a set option that is not honoured; SyntaxError for a value of the wrong kind. */
export function parsePeftConfig(value: unknown, file: string): PeftLoraConfig {
  const record = recordOf(value, file);
  if (record['peft_type'] !== 'LORA') {
    throw new TypeError(`${file}: peft_type: expected LORA but found ${describe(record['peft_type'])}`);
  }
  const unread = new Set(Object.keys(record));
  unread.delete('peft_type');
  for (const key of inertKeys) unread.delete(key);

  function field<T>(key: string, check: (value: unknown) => value is T, expected: string): T | undefined {
    unread.delete(key);
    const found = record[key];
    if (found === undefined || found === null) return undefined;
    if (check(found)) return found;
    throw new SyntaxError(`${file}: ${key}: expected ${expected} but found ${describe(found)}`);
  }

  const taskType = field('task_type', isTask, 'CAUSAL_LM or SEQ_CLS');
  const targetModules = field('target_modules', isStrings, 'names or a regular expression');
  const excludeModules = field('exclude_modules', isStrings, 'names or a regular expression');
  const layersToTransform = field('layers_to_transform', isLayers, 'layer numbers');
  const layersPattern = field('layers_pattern', isStrings, 'names');
  const fanInFanOut = field('fan_in_fan_out', isFlag, 'true or false') ?? false;
  const bias = field('bias', isBias, 'none, all or lora_only');
  const modulesToSave = field('modules_to_save', isNames, 'names');
  const trainableTokenIndices = field('trainable_token_indices', isTokenMap, 'token ids, or token ids by module');
  const useDora = field('use_dora', isFlag, 'true or false');
  const loraBias = field('lora_bias', isFlag, 'true or false');
  const baseModelNameOrPath = field('base_model_name_or_path', isString, 'text');
  if (layersToTransform !== undefined && typeof targetModules === 'string') {
    throw new SyntaxError(
      `${file}: layers_to_transform: expected a list of target_modules with it but found a regular expression`,
    );
  }
  if (layersPattern !== undefined && layersPattern.length > 0 && layersToTransform === undefined) {
    throw new SyntaxError(`${file}: layers_pattern: expected layers_to_transform with it but found none`);
  }
  // A file without r or lora_alpha gets PEFT's defaults, as PEFT does.
  const config: PeftLoraConfig = {
    r: field('r', isRank, 'a rank of at least 1') ?? 8,
    loraAlpha: field('lora_alpha', isFiniteNumber, 'a number') ?? 8,
    loraDropout: field('lora_dropout', isRate, 'a rate in [0, 1)') ?? 0,
    useRslora: field('use_rslora', isFlag, 'true or false') ?? false,
    rankPattern: field('rank_pattern', mapOf(isRank), 'ranks by module') ?? {},
    alphaPattern: field('alpha_pattern', mapOf(isFiniteNumber), 'numbers by module') ?? {},
    initLoraWeights:
      field('init_lora_weights', isInit, 'true, false, gaussian, eva, orthogonal, olora or pissa') ?? true,
    ...(fanInFanOut ? { fanInFanOut } : {}),
    ...(bias === undefined || bias === 'none' ? {} : { bias }),
    ...(modulesToSave === undefined || modulesToSave.length === 0 ? {} : { modulesToSave }),
    ...(trainableTokenIndices === undefined ? {} : { trainableTokenIndices }),
    ...(useDora === true ? { useDora } : {}),
    ...(loraBias === true ? { loraBias } : {}),
    ...(taskType === undefined ? {} : { taskType }),
    ...(targetModules === undefined ? {} : { targetModules }),
    ...(excludeModules === undefined ? {} : { excludeModules }),
    ...(layersToTransform === undefined ? {} : { layersToTransform }),
    ...(layersPattern === undefined ? {} : { layersPattern }),
    ...(baseModelNameOrPath === undefined ? {} : { baseModelNameOrPath }),
  };
  for (const key of unread) {
    const found = record[key];
    if (isOff(found)) continue;
    throw new TypeError(`${file}: ${key}: this option is not supported but is set to ${describe(found)}`);
  }
  const patterns = [
    ['target_modules', targetModules],
    ['exclude_modules', excludeModules],
    ...Object.keys(config.rankPattern).map((each) => ['rank_pattern', each] as const),
    ...Object.keys(config.alphaPattern).map((each) => ['alpha_pattern', each] as const),
  ] as const;
  for (const [key, source] of patterns) if (typeof source === 'string') checkPathPattern(source, `${file}: ${key}`);
  return config;
}

/** The adapter_config.json that PEFT writes for a config: the same keys, sorted. */
export function peftConfigJson(config: PeftLoraConfig): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    ...offValues,
    alpha_pattern: config.alphaPattern,
    bias: config.bias ?? 'none',
    lora_bias: config.loraBias ?? false,
    modules_to_save: config.modulesToSave ?? null,
    trainable_token_indices: config.trainableTokenIndices ?? null,
    use_dora: config.useDora ?? false,
    base_model_name_or_path: config.baseModelNameOrPath ?? null,
    fan_in_fan_out: config.fanInFanOut ?? false,
    exclude_modules: config.excludeModules ?? null,
    init_lora_weights: config.initLoraWeights,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layersToTransform ?? null,
    lora_alpha: config.loraAlpha,
    lora_dropout: config.loraDropout,
    r: config.r,
    rank_pattern: config.rankPattern,
    target_modules: config.targetModules ?? null,
    task_type: config.taskType ?? null,
    use_rslora: config.useRslora,
  };
  return Object.fromEntries(
    Object.keys(fields)
      .sort()
      .map((key) => [key, fields[key]]),
  );
}
