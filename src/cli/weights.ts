import { joinPath, pathKind } from '../hub/files.ts';
import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { bring } from './bring.ts';
import type { Context } from './command.ts';

/**
 * Weights by their name on the command line: a model, or what was made of `base`: a PEFT adapter folder or a run folder
 * with an adapter in it. A run that trained its model whole is that model.
 */
export async function bringWeights(
  text: string,
  base: WeightsPath | undefined,
  context: Context,
): Promise<WeightsPath> {
  const has = async (path: string): Promise<boolean> => (await pathKind(joinPath(text, path))) !== undefined;
  const isRun = await has('metrics.jsonl');
  if (isRun && (await has('model'))) return { model: joinPath(text, 'model') };
  const adapter = isRun ? joinPath(text, 'adapter') : text;
  const isAdapter = (await pathKind(joinPath(adapter, 'adapter_config.json'))) !== undefined;
  if (base !== undefined && isAdapter) return { model: base.model, adapter };
  return { model: await bring(text, 'model', context) };
}
