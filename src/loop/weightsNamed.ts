import type { WeightsPath } from '../adapters/mergedWeights.ts';
import { joinPath, pathKind } from '../hub/files.ts';
import type { SnapshotOptions } from '../hub/node/hubSnapshot.ts';
import { locateModel, pinned } from '../hub/node/locate.ts';

/**
 * Weights by name: a model, or what was made of `base`: a PEFT adapter folder or a run folder with an adapter in it. A run that
 * trained its model whole is that model. What is on the hub is brought.
 */
export async function weightsNamed(
  text: string,
  base: WeightsPath | undefined,
  options: SnapshotOptions = {},
): Promise<WeightsPath> {
  const has = async (path: string): Promise<boolean> => (await pathKind(joinPath(text, path))) !== undefined;
  const isRun = await has('metrics.jsonl');
  if (isRun && (await has('model'))) return { model: joinPath(text, 'model') };
  const adapter = isRun ? joinPath(text, 'adapter') : text;
  const isAdapter = (await pathKind(joinPath(adapter, 'adapter_config.json'))) !== undefined;
  if (base !== undefined && isAdapter) return { model: base.model, adapter };
  return { model: pinned(await locateModel(text, options), text) };
}
