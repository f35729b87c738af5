import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

import { endsEarly } from './byte-file.ts';
import type { ByteFile } from './byte-file.ts';
import { parseJson } from './json.ts';

export { createHash } from 'node:crypto';
export { basename, join as joinPath, resolve as resolvePath } from 'node:path';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file would be larger than the limit',
  EEXIST: 'it exists already',
  ENOTEMPTY: 'it exists already',
  ELOOP: 'too many symbolic links',
};

/** The system's code of an error (ENOENT…), or ''. */
export function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** `Cannot read PATH: REASON`, with the system's error as its cause. */
export function fileError(verb: string, path: string, cause: unknown): Error {
  const reason = reasons[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
  return new Error(`Cannot ${verb} ${path}: ${reason}`, { cause });
}

/** What stands at a path, links followed; undefined where nothing does. */
export async function pathKind(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined;
    throw fileError('read', path, cause);
  }
}

/** Names in a folder, sorted. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** Names of all files below a folder, with slashes; links that lead back to a folder above them are left out. */
export async function filesBelow(
  folder: string,
  prefix = '',
  above: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const names: string[] = [];
  const real = await realpath(join(folder, prefix)).catch(() => '');
  if (above.has(real)) return [];
  for (const name of await listFolder(join(folder, prefix))) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    if ((await pathKind(join(folder, path))) === 'folder')
      names.push(...(await filesBelow(folder, path, new Set([...above, real]))));
    else names.push(path);
  }
  return names;
}

/** Opens a regular file for reads in ranges. */
export async function openFile(path: string): Promise<ByteFile> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is not a regular file');
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return {
      name: path,
      size,
      async readAt(position, into) {
        for (let at = 0; at < into.byteLength;) {
          const { bytesRead } = await handle.read(into, at, into.byteLength - at, position + at);
          if (bytesRead === 0) throw endsEarly(path, position + at, position, into.byteLength);
          at += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** A text file, UTF-8; SyntaxError where it is not. */
export async function readTextFile(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`${path}: expected UTF-8 text`, { cause });
  }
}

/** A parsed JSON file; SyntaxError that names the file. */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJson(await readTextFile(path), path);
}

/** A parsed JSON file, or undefined where there is none. */
export async function readOptionalJsonFile(path: string): Promise<unknown> {
  return (await pathKind(path)) === undefined ? undefined : readJsonFile(path);
}

/** Creates a folder and its parents; the outermost that was made, or undefined where all were there. */
export async function makeFolder(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let at = resolve(path); (await pathKind(at)) === undefined; at = dirname(at)) missing.push(at);
  // One by one: Node's recursive mkdir never returns where the system denies that the parent exists, as below /proc.
  for (const folder of missing.toReversed()) {
    try {
      await mkdir(folder);
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw fileError('create', path, cause);
    }
  }
  return missing.at(-1);
}

/** A name beside a path for what is not there yet, or no longer. */
export const besides = (path: string, kind: 'tmp' | 'old'): string =>
  `${resolve(path)}.${kind}-${randomUUID().slice(0, 8)}`;

async function syncFolder(path: string): Promise<void> {
  // Windows cannot sync a folder; there the rename alone has to do.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what was not finished; that it cannot be removed must not hide why it was not finished. */
async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

/** Writes a file whole or not at all: beside it, synced, then renamed over it. */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  const temporary = besides(path, 'tmp');
  try {
    const handle = await open(temporary, 'wx');
    try {
      if (typeof content === 'string' || content instanceof Uint8Array) await handle.writeFile(content);
      else for await (const chunk of content) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(temporary));
  } catch (cause) {
    await discard(temporary);
    throw codeOf(cause) === '' ? cause : fileError('write', path, cause);
  }
}

/** Writes indented JSON whole or not at all. */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a folder whole or not at all: `fill` gets a folder beside it, which is then renamed. An existing one is an error unless `replace`. */
export async function writeFolderAtomic(
  path: string,
  fill: (folder: string) => Promise<void>,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const target = resolve(path);
  const temporary = besides(target, 'tmp');
  const replaced = besides(target, 'old');
  if (options.replace !== true && (await pathKind(target)) !== undefined) {
    throw new Error(`Cannot write ${path}: it exists already`);
  }
  try {
    await makeFolder(dirname(target));
    await mkdir(temporary);
    await fill(temporary);
    await syncFolder(temporary);
    const before = await pathKind(target);
    if (before !== undefined) await rename(target, replaced);
    try {
      await rename(temporary, target);
    } catch (cause) {
      if (before !== undefined) await rename(replaced, target);
      throw cause;
    }
    await syncFolder(dirname(target));
    await rm(replaced, { recursive: true, force: true });
  } catch (cause) {
    await discard(temporary);
    throw codeOf(cause) === '' ? cause : fileError('write', path, cause);
  }
}

const isBelow = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/** Whether two paths name one file that is there, links followed. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([a, b].map((path) => realpath(path).catch(() => undefined)));
  return first !== undefined && first === second;
}

/** Path of a file that another file of `folder` names. RangeError where it, or the link that stands there, leads out; links of the hub's cache from snapshots/REVISION to its blobs are allowed. */
export async function pathInFolder(folder: string, name: string, namedBy: string): Promise<string> {
  const escapes = (): RangeError =>
    new RangeError(`${namedBy}: expected a file inside the folder but found ${name.slice(0, 200)}`);
  // A backslash separates on Windows, so such a name means another file there; no system has names so long.
  if (name.length > 1024 || name.includes('\0') || name.includes('\\') || isAbsolute(name)) throw escapes();
  const path = join(folder, name);
  if (!isBelow(resolve(folder), resolve(path))) throw escapes();
  try {
    const realFolder = await realpath(folder);
    const realFile = await realpath(path);
    if (isBelow(realFolder, realFile)) return path;
    const snapshots = dirname(realFolder);
    // The repository's own blobs, and those that several repositories of the cache share.
    const repository = dirname(snapshots);
    const blobs = [join(repository, 'blobs'), join(dirname(repository), 'blobs')];
    if (basename(snapshots) === 'snapshots' && blobs.some((store) => isBelow(store, realFile))) return path;
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  throw escapes();
}

/** Path of a file that a folder may hold, undefined where it holds none. RangeError where a link stands there that leads out of the folder. */
export async function fileIn(folder: string, name: string): Promise<string | undefined> {
  return (await pathKind(join(folder, name))) === undefined ? undefined : pathInFolder(folder, name, folder);
}

/** A parsed JSON file of a folder, undefined where there is none. RangeError where a link stands there that leads out of the folder. */
export async function jsonIn(folder: string, name: string): Promise<unknown> {
  const path = await fileIn(folder, name);
  return path === undefined ? undefined : readJsonFile(path);
}
