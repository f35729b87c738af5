import { readJsonFile } from '../hub/files.ts';
import type { GenerateOptions } from '../loop/generate.ts';
import { anyJsonObject, type JsonRule, jsonRule } from '../loop/jsonSchema.ts';
import { UsageError } from '../loop/usageError.ts';
import type { Args, Option } from './args.ts';

/** Options that say how tokens are chosen; `temperature` is the default. */
export function samplingOptions(temperature: number): readonly Option[] {
  return [
    {
      name: 'temperature',
      kind: { type: 'number' },
      default: temperature,
      description: 'Divides the logits; 0 takes the most likely token',
    },
    {
      name: 'top-k',
      kind: { type: 'integer', least: 0 },
      default: 0,
      description: 'Draws from the k most likely tokens; 0 from all',
    },
    {
      name: 'top-p',
      kind: { type: 'number' },
      default: 1,
      description: 'Draws from the most likely tokens that reach this probability',
    },
    {
      name: 'min-p',
      kind: { type: 'number' },
      default: 0,
      description: "Draws from tokens of at least this share of the most likely one's probability",
    },
    {
      name: 'repetition-penalty',
      kind: { type: 'number' },
      default: 1,
      description: 'Makes tokens that were there already less likely when above 1',
    },
    { name: 'stop', kind: { type: 'texts' }, value: 'S…', description: 'Texts that end an answer; they are cut off' },
    { name: 'json-object', kind: { type: 'boolean' }, description: 'The text is a JSON object' },
    {
      name: 'json-schema',
      kind: { type: 'text' },
      value: 'FILE',
      description: 'The text is JSON that fits the JSON Schema in this file',
    },
    { name: 'seed', kind: { type: 'integer', least: 0 }, default: 42, description: 'Fixes what is drawn' },
  ];
}

/** A number of an option within bounds. */
function within(args: Args, name: string, expected: string, fits: (value: number) => boolean): number {
  const value = args.number(name);
  if (value === undefined || !fits(value))
    throw new UsageError(`--${name}: expected ${expected} but found ${value ?? 'nothing'}`);
  return value;
}

async function jsonOf(args: Args): Promise<JsonRule | undefined> {
  const path = args.text('json-schema');
  if (path === undefined) return args.flag('json-object') ? anyJsonObject : undefined;
  if (args.flag('json-object')) throw new UsageError('--json-object: --json-schema says already what the JSON is');
  const schema = await readJsonFile(path);
  try {
    return jsonRule(schema);
  } catch (cause) {
    throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** What the options of `samplingOptions` ask for. UsageError on a number out of its bounds. */
export async function samplingOf(args: Args): Promise<Omit<GenerateOptions, 'maxNewTokens'>> {
  const json = await jsonOf(args);
  return {
    temperature: within(args, 'temperature', 'at least 0', (value) => value >= 0),
    topP: within(args, 'top-p', 'more than 0 and at most 1', (value) => value > 0 && value <= 1),
    topK: args.number('top-k') ?? 0,
    minP: within(args, 'min-p', 'at least 0 and at most 1', (value) => value >= 0 && value <= 1),
    repetitionPenalty: within(args, 'repetition-penalty', 'more than 0', (value) => value > 0),
    seed: within(args, 'seed', 'less than 4294967296', (value) => value < 2 ** 32),
    stop: args.texts('stop'),
    ...(json ? { json } : {}),
  };
}
