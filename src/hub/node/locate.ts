import { joinPath, pathKind } from '../files.ts';
import { formatHubId, type HubId, hubIdOfSnapshot, parseHubId } from '../hubId.ts';
import { adapterFiles, modelFiles } from '../repoFiles.ts';
import type { RepoType } from './hubCache.ts';
import { HubError } from './hubRequest.ts';
import { packagedModel } from './packagedModel.ts';
import { type FileChoice, snapshot, type SnapshotOptions } from './hubSnapshot.ts';

/** Where something lies on this machine, and what it is called: the hub's id and commit where it came from there. */
export interface Located {
  readonly path: string;
  readonly hubId?: HubId;
}

interface Kind {
  readonly type: RepoType;
  /** What a path or an id should name, for the error. */
  readonly expected: string;
  readonly choose: FileChoice;
  /** Folder of what ships with the package under a name. */
  readonly packaged?: (name: string) => string | undefined;
}

const model: Kind = {
  type: 'model',
  expected: 'a checkpoint folder, a .gguf file',
  choose: (files, read) => modelFiles(files, read),
  packaged: packagedModel,
};
const tokenizer: Kind = { ...model, choose: (files, read) => modelFiles(files, read, false) };
const adapter: Kind = { type: 'model', expected: 'a PEFT adapter folder', choose: adapterFiles };

const dataEnding = /\.(?:jsonl|ndjson|json|csv|tsv|parquet|gz|gguf|safetensors|txt)$/i;

/** Errors of a choice say of which repository. */
const withName =
  (text: string, choose: FileChoice): FileChoice =>
  async (files, read) => {
    try {
      return await choose(files, read);
    } catch (cause) {
      if (cause instanceof HubError || !(cause instanceof Error)) throw cause;
      throw new Error(`${text}: ${cause.message}`, { cause });
    }
  };

/** What is there wins; then what ships with the package; then an id is brought from the hub; what is none is an error that says so. */
export async function locate(text: string, kind: Kind, options: SnapshotOptions = {}): Promise<Located> {
  if ((await pathKind(text)) !== undefined) {
    const hubId = hubIdOfSnapshot(text);
    return { path: text, ...(hubId === undefined ? {} : { hubId }) };
  }
  const packaged = kind.packaged?.(text);
  if (packaged !== undefined) return { path: packaged };
  // org/train.jsonl is a file that is not here rather than a repository of that name.
  const named = parseHubId(text);
  const hubId = named?.file === undefined && dataEnding.test(text) ? undefined : named;
  if (hubId === undefined)
    throw new Error(
      `${text}: expected ${kind.expected} or a Hugging Face id (org/name) but found nothing here, and it cannot be an id`,
    );
  const { file } = hubId;
  const single: FileChoice = async (files) => {
    if (file === undefined || files.includes(file)) return file === undefined ? [] : [file];
    throw new Error(`expected ${file} in the repository but found none`);
  };
  try {
    const { path, commit } = await snapshot(
      kind.type,
      hubId,
      withName(text, file === undefined ? kind.choose : single),
      options,
    );
    return { path: file === undefined ? path : joinPath(path, file), hubId: { ...hubId, revision: commit } };
  } catch (cause) {
    if (!(cause instanceof HubError)) throw cause;
    throw new HubError(`${text}: no such file or folder here, and from the hub: ${cause.message}`, cause.unavailable, {
      cause,
    });
  }
}

export const locateModel = (text: string, options?: SnapshotOptions): Promise<Located> => locate(text, model, options);
/** As `locateModel`, without the weights. */
export const locateTokenizer = (text: string, options?: SnapshotOptions): Promise<Located> =>
  locate(text, tokenizer, options);
export const locateAdapter = (text: string, options?: SnapshotOptions): Promise<Located> =>
  locate(text, adapter, options);

/** A data set, of which `choose` says which files; a text that can be no id is an error as of a file that is not there. */
export const locateData = (text: string, choose: FileChoice, options?: SnapshotOptions): Promise<Located> =>
  locate(text, { type: 'dataset', expected: 'a data file, a folder, a pattern', choose }, options);

/** The text that names the same on any day: the id with its commit, or the path. */
export const pinned = ({ path, hubId }: Located, text: string): string =>
  hubId === undefined || parseHubId(text) === undefined ? path : formatHubId(hubId);
