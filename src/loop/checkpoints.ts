import {
  createHash,
  filesBelow,
  joinPath,
  listFolder,
  openFile,
  pathInFolder,
  pathKind,
  readJsonFile,
  writeFolderAtomic,
  writeJsonFile,
} from '../hub/files.ts';
import { removeLeftovers, removePath } from '../hub/files-remove.ts';
import { readChunks } from '../hub/byte-file.ts';
import { isRecord, recordOf } from '../hub/json.ts';

export interface Checkpoint {
  readonly step: number;
  readonly path: string;
}

/** The newest whole checkpoint, and the newer ones that are damaged. */
export interface CheckpointSearch {
  readonly good?: Checkpoint;
  readonly damaged: readonly { readonly step: number; readonly reason: string }[];
}

const manifestName = 'manifest.json';
const manifestVersion = 1;

async function checksum(path: string): Promise<{ bytes: number; sha256: string }> {
  const file = await openFile(path);
  try {
    const hash = createHash('sha256');
    for await (const chunk of readChunks(file, 0, file.size, 1 << 20)) hash.update(chunk);
    return { bytes: file.size, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** What is wrong with a checkpoint; undefined when every file is there with the bytes that were written. */
async function damageOf({ step, path }: Checkpoint): Promise<string | undefined> {
  try {
    const manifestPath = joinPath(path, manifestName);
    const manifest = recordOf(await readJsonFile(manifestPath), manifestPath);
    if (manifest['version'] !== manifestVersion || manifest['step'] !== step) return 'its manifest is of another kind';
    const files = recordOf(manifest['files'], manifestPath);
    const present = (await filesBelow(path)).filter((name) => name !== manifestName);
    const missing = Object.keys(files).find((name) => !present.includes(name));
    if (missing !== undefined) return `${missing} is missing`;
    for (const name of present) {
      const expected = files[name];
      const { bytes, sha256 } = await checksum(await pathInFolder(path, name, path));
      if (!isRecord(expected) || expected['bytes'] !== bytes || expected['sha256'] !== sha256)
        return `${name} is not what was saved`;
    }
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Steps that have a checkpoint in the folder, whole or damaged, newest first. */
export async function checkpointsIn(folder: string): Promise<Checkpoint[]> {
  if ((await pathKind(folder)) !== 'folder') return [];
  return (await listFolder(folder))
    .flatMap((name) => {
      const step = /^step-(\d+)$/.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), path: joinPath(folder, name) }];
    })
    .sort((a, b) => b.step - a.step);
}

/** Which checkpoints stay when others go. */
export interface Keeping {
  /** At most so many, the newest. */
  readonly limit?: number | undefined;
  /** The step of one that stays as well, in place of the oldest of them but never of the newest. */
  readonly always?: number | undefined;
}

/** The checkpoints that go, of those there are, newest first. */
function outdated(checkpoints: readonly Checkpoint[], { limit = Infinity, always }: Keeping): Checkpoint[] {
  const newest = checkpoints.slice(0, limit);
  const kept = newest.some(({ step }) => step === always);
  const room = kept || !checkpoints.some(({ step }) => step === always) ? limit : Math.max(1, limit - 1);
  return checkpoints.slice(room).filter(({ step }) => step !== always);
}

/** Writes step-N whole or not at all, with a checksum of each file that `write` puts there; then the others that are not kept go. */
export async function saveCheckpoint(
  folder: string,
  step: number,
  write: (folder: string) => Promise<void>,
  keeping: Keeping = {},
): Promise<Checkpoint> {
  const path = joinPath(folder, `step-${step}`);
  const fill = async (inside: string): Promise<void> => {
    await write(inside);
    const files: Record<string, { bytes: number; sha256: string }> = {};
    for (const name of await filesBelow(inside)) files[name] = await checksum(joinPath(inside, name));
    await writeJsonFile(joinPath(inside, manifestName), { version: manifestVersion, step, files });
  };
  await writeFolderAtomic(path, fill, { replace: true });
  await dropOutdated(folder, keeping);
  return { step, path };
}

/** Removes the checkpoints that are not kept: those of a save that was cut off before it did. */
export async function dropOutdated(folder: string, keeping: Keeping): Promise<void> {
  for (const old of outdated(await checkpointsIn(folder), keeping)) await removePath(old.path);
}

/** Finds the newest checkpoint whose files have their checksums; clears what a killed process left. */
export async function latestCheckpoint(folder: string): Promise<CheckpointSearch> {
  const damaged: { step: number; reason: string }[] = [];
  if ((await pathKind(folder)) === 'folder') await removeLeftovers(folder);
  for (const checkpoint of await checkpointsIn(folder)) {
    const reason = await damageOf(checkpoint);
    if (reason === undefined) return { good: checkpoint, damaged };
    damaged.push({ step: checkpoint.step, reason });
  }
  return { damaged };
}

/** The checkpoint of a step; Error where it is not there or not what was saved. */
export async function checkpointOf(folder: string, step: number): Promise<Checkpoint> {
  const checkpoint = (await checkpointsIn(folder)).find((each) => each.step === step);
  const reason = checkpoint === undefined ? 'it is not there' : await damageOf(checkpoint);
  if (checkpoint === undefined || reason !== undefined)
    throw new Error(`${folder}: expected the checkpoint of step ${step} but ${reason}`);
  return checkpoint;
}
