import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { filesBelow, makeFolder, pathKind, readTextFile } from '../files.ts';
import { formatHubId, type HubId } from '../hubId.ts';
import { isRecord } from '../json.ts';
import { downloadBlob } from './hubDownload.ts';
import { type HubFile, hubFileOf, holds, isCommit, type RepoCache, repoCache, type RepoType } from './hubCache.ts';
import { withLock } from './hubLock.ts';
import { HubError, hubJson } from './hubRequest.ts';
import { type HubSettings, hubSettings } from './hubSettings.ts';

/** What a download tells; bytes that lay in the cache are not counted. */
export type HubEvent =
  | {
      readonly type: 'download';
      readonly name: string;
      readonly file: string;
      readonly bytes: number;
      readonly totalBytes: number;
    }
  | { readonly type: 'notice'; readonly message: string };

export interface SnapshotOptions {
  readonly settings?: HubSettings;
  readonly emit?: ((event: HubEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A repository at one commit in the cache. */
export interface Snapshot {
  readonly path: string;
  readonly commit: string;
  /** All files of the commit where the listing is known, else those that lie in the cache. */
  readonly files: readonly string[];
}

/**
 * The files to have of those that there are. It may read files that were chosen before (an index that names shards): `read` brings one.
 * Throws where what it needs is not among them.
 */
export type FileChoice = (
  files: readonly string[],
  read: (file: string) => Promise<string>,
) => Promise<readonly string[]>;

const maxPages = 10_000;

const apiOf = ({ endpoint }: HubSettings, type: RepoType, id: string): string => `${endpoint}/api/${type}s/${id}`;
const addressOf = ({ endpoint }: HubSettings, type: RepoType, id: string, commit: string, path: string): string =>
  `${endpoint}/${type === 'model' ? '' : `${type}s/`}${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;

interface Repo {
  readonly settings: HubSettings;
  readonly type: RepoType;
  readonly hubId: HubId;
  readonly cache: RepoCache;
  readonly options: SnapshotOptions;
  readonly what: string;
}

async function askCommit({ settings, type, hubId, what, options: { signal } }: Repo): Promise<string> {
  const address = `${apiOf(settings, type, hubId.id)}/revision/${encodeURIComponent(hubId.revision)}`;
  const { value } = await hubJson(settings, address, { what, signal });
  const commit = isRecord(value) ? value['sha'] : undefined;
  if (typeof commit === 'string' && isCommit(commit)) return commit;
  throw new HubError(
    `${what}: ${new URL(settings.endpoint).host} does not answer as the Hugging Face hub does (no sha)`,
    false,
  );
}

async function askListing(
  { settings, type, hubId, what, options: { signal } }: Repo,
  commit: string,
): Promise<HubFile[]> {
  const files: HubFile[] = [];
  let address: string | undefined = `${apiOf(settings, type, hubId.id)}/tree/${commit}?recursive=true`;
  for (let page = 0; address !== undefined; page++) {
    const answer: { value: unknown; next?: string } = await hubJson(settings, address, { what, signal });
    if (!Array.isArray(answer.value) || page >= maxPages)
      throw new HubError(`${what}: expected a list of files from the hub`, false);
    for (const entry of answer.value as unknown[]) {
      if (!isRecord(entry) || entry['type'] !== 'file') continue;
      const lfs = isRecord(entry['lfs']) ? entry['lfs'] : undefined;
      const file = hubFileOf(entry['path'], lfs?.['size'] ?? entry['size'], lfs?.['oid'] ?? entry['oid'], {
        gitId: entry['oid'],
        xetHash: entry['xetHash'],
      });
      // A name that leads out of the folder is nobody's config or weights: it is left where it is.
      if (file !== undefined) files.push(file);
    }
    address = answer.next;
  }
  return files;
}

/** The commit and its files: from the hub, or from the cache where the hub is not asked or not there. */
async function listed(repo: Repo): Promise<{ commit: string; files: HubFile[] | undefined; offline: boolean }> {
  const { settings, cache, hubId, what, options } = repo;
  const known = await cache.commitOf(hubId.revision);
  const listing = known === undefined ? undefined : await cache.listing(known);
  if (known !== undefined && (settings.offline || (isCommit(hubId.revision) && listing !== undefined)))
    return { commit: known, files: listing, offline: settings.offline };
  if (settings.offline)
    throw new HubError(
      `${what}: it is not in the cache (${cache.folder}), and HF_HUB_OFFLINE forbids to download it`,
      true,
    );
  try {
    const commit = await askCommit(repo);
    const files = (await cache.listing(commit)) ?? (await askListing(repo, commit));
    await cache.rememberCommit(hubId.revision, commit);
    await cache.rememberListing(commit, files);
    return { commit, files, offline: false };
  } catch (cause) {
    if (
      !(cause instanceof HubError) ||
      !cause.unavailable ||
      known === undefined ||
      (await pathKind(cache.snapshot(known))) === undefined
    )
      throw cause;
    options.emit?.({
      type: 'notice',
      message: `${cause.message}; going on with what the cache has, commit ${known.slice(0, 12)}`,
    });
    return { commit: known, files: listing, offline: true };
  }
}

async function assertRoom(folder: string, bytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes)
    throw new Error(
      `${what}: ${bytes} bytes are missing in the cache but only ${bavail * bsize} are free at ${folder}; HF_HUB_CACHE names another place`,
    );
}

/** Brings the chosen files of a repository into the cache and returns the folder that holds them, each whole and checked. */
export async function snapshot(
  type: RepoType,
  hubId: HubId,
  choose: FileChoice,
  options: SnapshotOptions = {},
): Promise<Snapshot> {
  const settings = options.settings ?? (await hubSettings());
  const cache = repoCache(settings.cache, type, hubId.id);
  const what = `${type === 'dataset' ? 'data set' : type} ${formatHubId({ id: hubId.id, revision: hubId.revision })}`;
  const repo: Repo = { settings, type, hubId, cache, options, what };
  const { commit, files, offline } = await listed(repo);
  const path = cache.snapshot(commit);
  const names = files?.map((file) => file.path) ?? (await filesBelow(path));
  const byName = new Map(files?.map((file) => [file.path, file]));

  const fetchAll = async (chosen: readonly string[]): Promise<void> => {
    const missing: HubFile[] = [];
    for (const name of chosen) {
      const file = byName.get(name);
      if (file !== undefined && !(await holds(cache, commit, file))) missing.push(file);
    }
    if (missing.length === 0) return;
    if (offline)
      throw new HubError(`${what}: ${missing.map((file) => file.path).join(', ')} is not in the cache (${path})`, true);
    const totalBytes = missing.reduce((sum, { size }) => sum + size, 0);
    await makeFolder(dirname(cache.blob('')));
    await assertRoom(settings.cache, totalBytes, what);
    let bytes = 0;
    for (const file of missing) {
      const onBytes = (more: number): void => {
        bytes += more;
        options.emit?.({ type: 'download', name: formatHubId(hubId), file: file.path, bytes, totalBytes });
      };
      await withLock(cache.lock(file.etag), () => bring(repo, commit, file, onBytes), { signal: options.signal });
    }
  };

  const chosen = await choose(names, async (name) => {
    await fetchAll([name]);
    return readTextFile(join(path, ...name.split('/')));
  });
  await fetchAll(chosen);
  return { path, commit, files: names };
}

async function bring(
  { settings, type, hubId, cache, options, what }: Repo,
  commit: string,
  file: HubFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  // Another process may have brought it while this one waited for its turn.
  const isNew = (await pathKind(cache.blob(file.etag))) === undefined;
  if (isNew && !(await holds(cache, commit, file))) {
    const address = addressOf(settings, type, hubId.id, commit, file.path);
    await downloadBlob(settings, file, cache.blob(file.etag), {
      address,
      what: `${what}: ${file.path}`,
      onBytes,
      signal: options.signal,
    });
  }
  await cache.link(commit, file, isNew);
}
