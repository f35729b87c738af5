import { byteStream } from '../hub/files-stream.ts';
import { createHash, joinPath } from '../hub/files.ts';
import type { TuneConfig } from './config.ts';
import type { LoadedModel } from './model.ts';
import { initialAdapterOf } from './openTrained.ts';
import type { RunRecord } from './runFolder.ts';

export type Fingerprints = RunRecord['fingerprints'];

/** SHA-256 of a file's content, decompressed. */
async function ofFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of byteStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** SHA-256 of all that a run reads. */
export async function fingerprintsOf(
  config: TuneConfig,
  loaded: Pick<LoadedModel, 'checkpoint'>,
): Promise<Fingerprints> {
  const { path, evalPath } = config.data;
  const initial = initialAdapterOf(config);
  return {
    model: await loaded.checkpoint.fingerprint(),
    data: await ofFile(path),
    ...(evalPath === undefined ? {} : { evalData: await ofFile(evalPath) }),
    ...(initial === undefined ? {} : { adapter: await ofFile(joinPath(initial, 'adapter_model.safetensors')) }),
  };
}

/** Throws Error naming what is not what the run was started with. */
export function assertUnchanged(now: Fingerprints, started: Fingerprints, config: TuneConfig): void {
  const places = {
    model: config.model.path,
    data: config.data.path,
    evalData: config.data.evalPath,
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
