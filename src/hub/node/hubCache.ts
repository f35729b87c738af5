/** The hub's cache as huggingface_hub lays it out: models--org--name/{blobs,refs,snapshots,trees}, snapshots being links to blobs. */
import { copyFile, lstat, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { besides, codeOf, fileError, makeFolder, pathKind, writeFileAtomic, writeJsonFile } from '../files.ts';
import { isSafeName } from '../hubId.ts';
import { isRecord } from '../json.ts';

export type RepoType = 'model' | 'dataset';

/** One file of a repository at a commit. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** Name of its blob: SHA-256 of a large file, git's SHA-1 of a small one. */
  readonly etag: string;
  /** Git's id, which for a large file is that of its pointer, and the id in the hub's own storage: kept for others that read the listing. */
  readonly gitId?: string;
  readonly xetHash?: string;
}

export interface RepoCache {
  /** …/models--org--name. */
  readonly folder: string;
  readonly snapshot: (commit: string) => string;
  readonly blob: (etag: string) => string;
  readonly lock: (etag: string) => string;
  /** The commit that a revision stood for when it was last asked. */
  readonly commitOf: (revision: string) => Promise<string | undefined>;
  readonly rememberCommit: (revision: string, commit: string) => Promise<void>;
  readonly listing: (commit: string) => Promise<HubFile[] | undefined>;
  readonly rememberListing: (commit: string, files: readonly HubFile[]) => Promise<void>;
  /** Makes a file of the snapshot point to its blob. */
  readonly link: (commit: string, file: HubFile, isNew: boolean) => Promise<void>;
}

export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);
const isEtag = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/** A file of a listing; undefined for what cannot be one. */
export function hubFileOf(
  path: unknown,
  size: unknown,
  etag: unknown,
  others: { gitId?: unknown; xetHash?: unknown } = {},
): HubFile | undefined {
  if (typeof path !== 'string' || !isSafeName(path) || typeof etag !== 'string' || !isEtag(etag)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  const { gitId, xetHash } = others;
  return {
    path,
    size,
    etag,
    ...(typeof gitId === 'string' && isEtag(gitId) ? { gitId } : {}),
    ...(typeof xetHash === 'string' && isEtag(xetHash) ? { xetHash } : {}),
  };
}

function listingOf(value: unknown): HubFile[] | undefined {
  if (!isRecord(value) || value['format_version'] !== 1 || !isRecord(value['files'])) return undefined;
  const files = Object.entries(value['files']).map(([path, info]) =>
    isRecord(info)
      ? hubFileOf(path, info['lfs_size'] ?? info['size'], info['lfs_sha256'] ?? info['blob_id'], {
          gitId: info['blob_id'],
          xetHash: info['xet_hash'],
        })
      : undefined,
  );
  return files.every((file) => file !== undefined) ? files : undefined;
}

function listingJson(files: readonly HubFile[]): unknown {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const entry = ({ size, etag, gitId = '', xetHash }: HubFile): Record<string, unknown> => ({
    size,
    ...(etag.length === 64 ? { blob_id: gitId, lfs_sha256: etag, lfs_size: size } : { blob_id: etag }),
    ...(xetHash === undefined ? {} : { xet_hash: xetHash }),
  });
  return { format_version: 1, files: Object.fromEntries(sorted.map((file) => [file.path, entry(file)])) };
}

const orNothing = async (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

/** Points a link at a blob, atomically; where links are not allowed (Windows), the blob is moved there, or copied when another snapshot may use it. */
async function linkTo(blob: string, pointer: string, isNew: boolean): Promise<void> {
  const target = relative(dirname(pointer), blob);
  const temporary = besides(pointer, 'tmp');
  try {
    try {
      await symlink(target, temporary);
    } catch (cause) {
      if (!['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'UNKNOWN'].includes(codeOf(cause))) throw cause;
      if (isNew) await rename(blob, temporary);
      else await copyFile(blob, temporary);
    }
    await rename(temporary, pointer);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw fileError('write', pointer, cause);
  }
}

/** The cache of one repository; nothing is written before something is remembered or linked. */
export function repoCache(cache: string, type: RepoType, id: string): RepoCache {
  const name = `${type}s--${id.replaceAll('/', '--')}`;
  const folder = join(cache, name);
  const snapshot = (commit: string): string => join(folder, 'snapshots', commit);
  const blob = (etag: string): string => join(folder, 'blobs', etag);
  const refs = (revision: string): string => join(folder, 'refs', ...revision.split('/'));
  const tree = (commit: string): string => join(folder, 'trees', `${commit}.json`);
  return {
    folder,
    snapshot,
    blob,
    lock: (etag) => join(cache, '.locks', name, `${etag}.tuneloop.lock`),
    async commitOf(revision) {
      if (isCommit(revision)) return revision;
      const commit = (await orNothing(refs(revision)))?.trim();
      return commit !== undefined && isCommit(commit) ? commit : undefined;
    },
    async rememberCommit(revision, commit) {
      if (revision === commit || (await orNothing(refs(revision)))?.trim() === commit) return;
      await makeFolder(dirname(refs(revision)));
      await writeFileAtomic(refs(revision), commit);
    },
    async listing(commit) {
      const text = await orNothing(tree(commit));
      if (text === undefined) return undefined;
      try {
        return listingOf(JSON.parse(text));
      } catch {
        return undefined;
      }
    },
    async rememberListing(commit, files) {
      await makeFolder(dirname(tree(commit)));
      await writeJsonFile(tree(commit), listingJson(files));
    },
    async link(commit, file, isNew) {
      const pointer = join(snapshot(commit), ...file.path.split('/'));
      await makeFolder(dirname(pointer));
      const standing = await lstat(pointer).catch(() => undefined);
      const right = standing?.isSymbolicLink()
        ? (await readlink(pointer)).endsWith(file.etag)
        : standing?.size === file.size;
      if (right && (await pathKind(pointer)) === 'file') return;
      await linkTo(blob(file.etag), pointer, isNew);
    },
  };
}

/** Whether a snapshot holds a file whole, by its length: what lies in blobs/ was checked before it got there. */
export async function holds(cache: RepoCache, commit: string, file: HubFile): Promise<boolean> {
  const found = await stat(join(cache.snapshot(commit), ...file.path.split('/'))).catch(() => undefined);
  return found?.isFile() === true && found.size === file.size;
}
