import { reasonOf } from '../ir/errors.ts';
import { checkPatternFor } from './pattern-limits.ts';
import type { PeftLoraConfig } from './peft-config.ts';

type Targets = Pick<PeftLoraConfig, 'targetModules' | 'excludeModules' | 'layersToTransform' | 'layersPattern'>;

/** A module's path and the sizes of its linear map. */
export interface LinearModule {
  readonly path: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** A regular expression for paths of a length; one that could take long on them is refused, since adapters come from anywhere. */
function pattern(key: string, source: string, { length }: { readonly length: number }): RegExp {
  checkPatternFor(source, length, key);
  try {
    return new RegExp(source, 'u');
  } catch (cause) {
    throw new SyntaxError(`${key}: ${reasonOf(cause, 'no regular expression')}`, { cause });
  }
}

/** Paths of modules are seldom longer. */
const usualLength = 64;

/** Throws SyntaxError or RangeError, saying where, on what is no regular expression or could take long on a module's path. */
export const checkPathPattern = (source: string, where: string): void =>
  void pattern(where, `^(?:${source})$`, { length: usualLength });

const isShorthand = (target: string): boolean => target.toLowerCase() === 'all-linear';

/** PEFT's rule for names: a string is a regular expression for the whole path, a list holds paths or their last parts. */
function named(key: string, names: readonly string[] | string, path: string): boolean {
  if (typeof names === 'string') return pattern(key, `^(?:${names})$`, path).test(path);
  return names.some((name) => path === name || path.endsWith(`.${name}`));
}

/** The layer number in a path: the first numbered part after one of the names, or after any part where none are given. */
function layerOf(names: readonly string[], path: string): number | undefined {
  const sources =
    names.length === 0
      ? [String.raw`^.*?\.[^.]*\.(\d+)\.`]
      : names.map((name) => String.raw`^(?:|.*?\.)${name}\.(\d+)\.`);
  for (const source of sources) {
    const found = pattern('layers_pattern', source, path).exec(path)?.[1];
    if (found !== undefined) return Number(found);
  }
  return undefined;
}

const listOf = <T>(value: readonly T[] | T | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** Whether PEFT would put an adapter on the module at `path`; `isHead` marks the output head, which all-linear leaves out. SyntaxError for a bad regular expression. */
export function targetsModule(config: Targets, path: string, isHead = false): boolean {
  const { targetModules, excludeModules, layersToTransform } = config;
  if (excludeModules !== undefined && excludeModules.length > 0 && named('exclude_modules', excludeModules, path))
    return false;
  if (targetModules === undefined) return false;
  if (typeof targetModules === 'string') {
    return isShorthand(targetModules) ? !isHead : named('target_modules', targetModules, path);
  }
  if (targetModules.includes(path)) return true;
  if (!named('target_modules', targetModules, path)) return false;
  const layers = listOf(layersToTransform);
  if (layers.length === 0) return true;
  const layer = layerOf(listOf(config.layersPattern), path);
  return layer !== undefined && layers.includes(layer);
}

/** The value of the first pattern that matches the end of a path from a dot on, else `otherwise`: PEFT's rule for rank_pattern and alpha_pattern. */
export function patternValue(patterns: Readonly<Record<string, number>>, path: string, otherwise: number): number {
  for (const [key, value] of Object.entries(patterns)) {
    if (pattern('rank_pattern or alpha_pattern', String.raw`^(?:.*\.)?(?:${key})$`, path).test(path)) return value;
  }
  return otherwise;
}

/** Rank of the adapter on the module at `path`. */
export const rankOf = (config: Pick<PeftLoraConfig, 'r' | 'rankPattern'>, path: string): number =>
  patternValue(config.rankPattern, path, config.r);

/** Factor on B·A: alpha / r, with rsLoRA alpha / √r. */
export function scaleOf(
  config: Pick<PeftLoraConfig, 'r' | 'rankPattern' | 'loraAlpha' | 'alphaPattern' | 'useRslora'>,
  path: string,
): number {
  const rank = rankOf(config, path);
  return patternValue(config.alphaPattern, path, config.loraAlpha) / (config.useRslora ? Math.sqrt(rank) : rank);
}
