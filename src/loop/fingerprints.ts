import { byteStream } from '../hub/files-stream.ts';
import { createHash, joinPath } from '../hub/files.ts';
import { moduleHash } from '../hub/files-module.ts';
import type { TuneConfig } from './config.ts';
import { isRewardModule } from './openReward.ts';
import { heldOutOf, listOf } from './dataPaths.ts';
import type { LoadedModel } from './model.ts';
import { initialAdapterOf } from './openTrained.ts';
import { runFiles } from './runData.ts';
import type { RunRecord } from './runFolder.ts';

export type Fingerprints = RunRecord['fingerprints'];

/** SHA-256 of the content of files one after another, decompressed. */
async function ofFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const chunk of byteStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** SHA-256 of all that a run reads, and of the user's modules that it runs. */
export async function fingerprintsOf(
  config: TuneConfig,
  loaded: Pick<LoadedModel, 'checkpoint'>,
): Promise<Fingerprints> {
  const { train, held } = await runFiles(config.data);
  const { formatter } = config.data;
  const { path: reward } = config.reward;
  const initial = initialAdapterOf(config);
  return {
    model: await loaded.checkpoint.fingerprint(),
    data: await ofFiles(train.flat()),
    ...(held === undefined ? {} : { evalData: await ofFiles(held.flat()) }),
    ...(formatter === undefined ? {} : { formatter: await moduleHash(formatter) }),
    ...(isRewardModule(reward) ? { reward: await moduleHash(reward) } : {}),
    ...(initial === undefined ? {} : { adapter: await ofFiles([joinPath(initial, 'adapter_model.safetensors')]) }),
  };
}

/** Throws Error naming what is not what the run was started with. */
export function assertUnchanged(now: Fingerprints, started: Fingerprints, config: TuneConfig): void {
  const places = {
    model: config.model.path,
    data: listOf(config.data.path).join(', '),
    evalData: heldOutOf(config.data)?.paths.join(', '),
    formatter: config.data.formatter,
    reward: config.reward.path,
    adapter: initialAdapterOf(config),
  };
  for (const [name, place] of Object.entries(places) as [keyof Fingerprints, string | undefined][]) {
    if (now[name] !== started[name]) {
      throw new Error(
        `${place}: the ${name} is not what the run was started with (SHA-256 ${started[name]}, now ${now[name]})`,
      );
    }
  }
}
