import type { SplitChoice } from '../data/hubSplits.ts';
import { dataFiles } from '../data/sources.ts';
import { pathKind, resolvePath } from '../hub/files.ts';
import { locateAdapter, locateModel, pinned } from '../hub/node/locate.ts';
import type { SnapshotOptions } from '../hub/node/hubSnapshot.ts';
import type { TuneConfig } from './config.ts';
import { listOf } from './dataPaths.ts';
import { isRewardModule } from './openReward.ts';

/** A path made absolute, or an id pinned to its commit, brought from the hub where it is not here. */
async function brought(text: string, locate: typeof locateModel, options: SnapshotOptions): Promise<string> {
  const found = pinned(await locate(text, options), text);
  return (await pathKind(found)) === undefined ? found : resolvePath(found);
}

async function broughtData(text: string, choice: SplitChoice, options: SnapshotOptions): Promise<string> {
  const found = await dataFiles(text, choice, options);
  return found.fromHub ? found.pinned : resolvePath(text);
}

/** The config with paths made absolute and ids pinned to their commit, so that the run goes on from any folder and on any day; what is on the hub is brought. */
export async function resolvedConfig(config: TuneConfig, options: SnapshotOptions = {}): Promise<TuneConfig> {
  const { model, data, adapter } = config;
  const { split, config: subset } = data;
  const dataOf = async (texts: string | readonly string[], held: boolean): Promise<string | string[]> => {
    const choice = { split: held ? (data.evalSplit ?? 'validation') : split, config: subset };
    const found = await Promise.all(listOf(texts).map((text) => broughtData(text, choice, options)));
    return typeof texts === 'string' ? (found[0] ?? texts) : found;
  };
  return {
    ...config,
    model: { ...model, path: await brought(model.path, locateModel, options) },
    data: {
      ...data,
      path: await dataOf(data.path, false),
      ...(data.evalPath === undefined ? {} : { evalPath: await dataOf(data.evalPath, true) }),
      ...(data.formatter === undefined ? {} : { formatter: resolvePath(data.formatter) }),
    },
    reward: isRewardModule(config.reward.path)
      ? { ...config.reward, path: resolvePath(config.reward.path) }
      : config.reward,
    ...(config.forgetting.data === undefined
      ? {}
      : { forgetting: { ...config.forgetting, data: resolvePath(config.forgetting.data) } }),
    adapter:
      'init' in adapter && adapter.init !== undefined
        ? { ...adapter, init: await brought(adapter.init, locateAdapter, options) }
        : adapter,
  };
}
