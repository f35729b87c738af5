import { describe, isRecord } from '../../hub/json.ts';
import { makeObjective } from '../../objectives/index.ts';
import type { TuneConfig, TuneConfigInput } from '../config.ts';
import { type FieldName, parseConfig, withField } from '../parseConfig.ts';
import { resolvedConfig } from '../resolvedConfig.ts';
import { UsageError } from '../usageError.ts';
import { folderName, type MethodConfig, methodNamed, withMethod } from './methods.ts';

/** A run's config that all methods have in common, the methods, and the number of seeds, from `train.seed` on. */
export type CompareConfigInput = TuneConfigInput & {
  /** Names of units (`lora`, `dft`, `full`, `ssf+dft`), or by any name what each method changes in the common config. */
  readonly methods: readonly string[] | Readonly<Record<string, MethodConfig>>;
  /** Runs of each method; 3 unless given. */
  readonly seeds?: number;
};

export interface Method {
  readonly name: string;
  /** Name of its folder under runs/. */
  readonly folder: string;
  /** What it changes in the common config. */
  readonly changes: MethodConfig;
  /** The config of its runs. */
  readonly config: TuneConfig;
}

/** A comparison, checked. */
export interface Comparison {
  /** The common config as it was given, with paths made absolute: what config.json holds beside methods and seeds. */
  readonly common: Readonly<Record<string, unknown>>;
  /** The same, whole. */
  readonly base: TuneConfig;
  /** The first is the one that the others are compared with. */
  readonly methods: readonly Method[];
  readonly seeds: readonly number[];
  readonly notices: readonly string[];
}

const defaults = { seeds: 3, evalShare: 0.1 };

type Changes = readonly (readonly [name: string, changes: MethodConfig])[];

function methodsOf(value: unknown, nameOf: FieldName): Changes {
  const found: Changes | undefined = Array.isArray(value)
    ? value.map((name: unknown) => {
        if (typeof name === 'string') return [name, methodNamed(name)];
        throw new UsageError(`${nameOf('methods')}: expected names but found ${describe(name)}`);
      })
    : isRecord(value)
      ? Object.entries(value).map(([name, changes]) => {
          if (isRecord(changes)) return [name, changes];
          throw new UsageError(`${nameOf(`methods.${name}`)}: expected an object but found ${describe(changes)}`);
        })
      : undefined;
  if (value === undefined) throw new UsageError(`${nameOf('methods')} is missing: the methods to compare`);
  if (found === undefined)
    throw new UsageError(`${nameOf('methods')}: expected names or an object but found ${describe(value)}`);
  if (found.length === 0) throw new UsageError(`${nameOf('methods')}: expected at least one method but found none`);
  const folders = new Map<string, string>();
  for (const [name] of found) {
    const other = folders.get(folderName(name));
    if (other === name) throw new UsageError(`${nameOf('methods')}: ${name} stands twice`);
    if (other !== undefined)
      throw new UsageError(`${nameOf('methods')}: ${other} and ${name} would have one folder, ${folderName(name)}`);
    folders.set(folderName(name), name);
  }
  return found;
}

function seedsOf(value: unknown, first: number, nameOf: FieldName): number[] {
  const count = value ?? defaults.seeds;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1)
    throw new UsageError(`${nameOf('seeds')}: expected a whole number of at least 1 but found ${describe(value)}`);
  if (first + count > 2 ** 32)
    throw new UsageError(`${nameOf('seeds')}: expected seeds below 2^32 but found ${count} from ${first} on`);
  return Array.from({ length: count }, (_, i) => first + i);
}

/** Losses of texts and of pairs are no common measure. */
function assertComparable(methods: readonly Method[]): void {
  const pairs = methods.filter(({ config }) => makeObjective(config.objective).reduction === 'pair');
  const [one] = pairs;
  const other = methods.find((method) => !pairs.includes(method));
  if (one !== undefined && other !== undefined && one.config.reward.path === undefined)
    throw new UsageError(
      `methods: ${one.name} learns from pairs, ${other.name} from texts, so their losses cannot be compared; give them one data format`,
    );
}

/** One learning rate for methods that train other parameters, or by other rules, says little. */
function sharedRate(methods: readonly Method[]): string[] {
  const rates = new Set(methods.map(({ config }) => config.optimizer.learningRate));
  const kinds = new Set(methods.map(({ config }) => `${config.adapter.type} ${config.optimizer.type}`));
  const [rate] = rates;
  if (kinds.size < 2 || rates.size > 1 || rate === undefined) return [];
  return [
    `All methods train at the learning rate ${rate}, though they train other parameters or by other rules: each wants its own for a fair comparison`,
  ];
}

/** The common config with places as they were resolved. */
function withPlaces(given: Readonly<Record<string, unknown>>, resolved: TuneConfig): Record<string, unknown> {
  const { model, data, reward, forgetting, adapter } = resolved;
  const places: readonly (readonly [path: string, value: unknown])[] = [
    ['model.path', model.path],
    ['data.path', data.path],
    ['data.evalPath', data.evalPath],
    ['data.formatter', data.formatter],
    ['reward.path', reward.path],
    ['forgetting.data', forgetting.data],
    ['adapter.init', 'init' in adapter ? adapter.init : undefined],
  ];
  const seam = (path: string): unknown => given[path.split('.')[0] ?? ''];
  return places.reduce<Record<string, unknown>>(
    (config, [path, value]) => {
      const [, field = ''] = path.split('.');
      const held = seam(path);
      return isRecord(held) && held[field] !== undefined ? withField(config, path, value) : config;
    },
    { ...given },
  );
}

/** Checks the config of a comparison, and makes its paths absolute. UsageError with the field, expected and found. */
export async function parseComparison(
  value: unknown,
  nameOf: FieldName = (path) => path || 'config',
): Promise<Comparison> {
  if (!isRecord(value)) throw new UsageError(`${nameOf('')}: expected an object but found ${describe(value)}`);
  const { methods: given, seeds: count, ...rest } = value;
  const notices: string[] = [];
  let common: Record<string, unknown> = rest;
  const changes = methodsOf(given, nameOf);
  const { data } = parseConfig(common, nameOf);
  if ((data.evalPath ?? data.evalSplit ?? data.evalShare) === undefined) {
    common = withField(common, 'data.evalShare', defaults.evalShare);
    notices.push(
      `No evaluation data were named: ${100 * defaults.evalShare}% of the examples are left out of training to measure gain on (data.evalShare)`,
    );
  }
  const base = await resolvedConfig(parseConfig(common, nameOf));
  common = withPlaces(common, base);
  const methods = await Promise.all(
    changes.map(async ([name, own]): Promise<Method> => {
      const ofMethod: FieldName = (path) => {
        const [seam = ''] = path.split('.');
        return seam in own ? `${nameOf(`methods.${name}`)}: ${path}` : nameOf(path);
      };
      const config = await resolvedConfig(withMethod(common, { ...own }, ofMethod));
      const init = 'init' in config.adapter ? config.adapter.init : undefined;
      const placed = own.adapter && 'init' in own.adapter && init !== undefined;
      const changes = placed ? (withField({ ...own }, 'adapter.init', init) as MethodConfig) : own;
      return { name, folder: folderName(name), changes, config };
    }),
  );
  assertComparable(methods);
  const seeds = seedsOf(count, base.train.seed, nameOf);
  return { common, base, methods, seeds, notices: [...notices, ...sharedRate(methods)] };
}
