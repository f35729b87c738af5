import { openCheckpoint } from '../hub/checkpoint.ts';
import { basename, resolvePath } from '../hub/files.ts';
import { hubIdOfSnapshot } from '../hub/hubId.ts';
import { sizeOf } from '../ir/types.ts';
import { anyModel, type ModelKind, modelKind } from '../nn/models/index.ts';

/** The model that a recipe is run on, as its result tells it. */
export interface BaseModel {
  /** What it is called: nano, an id on the hub, or the name of a file or folder. */
  readonly name: string;
  readonly parameters: number;
  /** SHA-256 over all tensors. */
  readonly fingerprint: string;
  /** The hub's short name of its licence, where its card or metadata tells. */
  readonly license?: string;
}

/** The same with what it is for. */
export interface FoundModel extends BaseModel {
  readonly kind: ModelKind;
}

/** What a model is: one in the package, a folder, a .gguf file or an id on the hub. */
export async function baseModelAt(path: string): Promise<FoundModel> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { config, license } = checkpoint;
    return {
      name: hubIdOfSnapshot(checkpoint.path)?.id ?? basename(resolvePath(checkpoint.path)).replace(/\.gguf$/, ''),
      parameters: anyModel(config).parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      fingerprint: await checkpoint.fingerprint(),
      ...(license === undefined ? {} : { license }),
      kind: modelKind(config),
    };
  } finally {
    await checkpoint.close();
  }
}
