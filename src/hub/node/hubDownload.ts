import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, fileError, makeFolder } from '../files.ts';
import type { HubFile } from './hubCache.ts';
import { bodyChunks, hubGet, HubError, Transient, withRetries } from './hubRequest.ts';
import type { HubSettings } from './hubSettings.ts';

export interface DownloadOptions {
  readonly address: string;
  readonly what: string;
  /** Told of bytes as they come; those of an earlier try count once, at its beginning. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The hash that is a file's etag: SHA-256 of large files, git's SHA-1 of `blob SIZE\0` and the content of small ones. */
const hashFor = ({ etag, size }: HubFile): Hash =>
  etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);

/** Takes up what an earlier try left: hashes it, and says how much there is. */
async function takeUp(handle: FileHandle, size: number, hash: Hash): Promise<number> {
  const buffer = Buffer.allocUnsafe(1 << 20);
  const held = Math.min((await handle.stat()).size, size);
  let at = 0;
  while (at < held) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, held - at), at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return at;
}

/** Where the body of an answer begins in the file; Transient for a range other than the one asked for. */
function bodyStart(response: Response, asked: number): number {
  if (response.status !== 206) return 0;
  const [, start] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (Number(start) !== asked)
    throw new Transient(`the server sent another range (${response.headers.get('content-range') ?? 'none'})`);
  return asked;
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < chunk.length;)
    at += (await handle.write(chunk, at, chunk.length - at, position + at)).bytesWritten;
}

/** One try: goes on where the file ends, and throws Transient where the body ends before the file does. */
async function fetchOnce(
  settings: HubSettings,
  file: HubFile,
  path: string,
  options: DownloadOptions,
  counted: { bytes: number; mismatches: number },
): Promise<void> {
  const { what, signal, onBytes } = options;
  const handle = await open(path, 'a+').then(async (made) => {
    // Opened to append so that it is made where there is none; written at positions, which that mode would ignore.
    await made.close();
    return open(path, 'r+');
  });
  try {
    let hash = hashFor(file);
    let at = await takeUp(handle, file.size, hash);
    const count = (): void => {
      if (at > counted.bytes) onBytes?.(at - counted.bytes);
      counted.bytes = Math.max(counted.bytes, at);
    };
    count();
    if (at < file.size) {
      const response = await hubGet(settings, options.address, {
        what,
        signal,
        headers: at > 0 ? { range: `bytes=${at}-` } : {},
      });
      if (response.status === 416) {
        await handle.truncate(0);
        throw new Transient('the server does not have the range that is missing');
      }
      if (bodyStart(response, at) === 0 && at > 0) [at, hash] = [0, hashFor(file)];
      for await (const chunk of bodyChunks(settings, response, signal)) {
        if (at + chunk.length > file.size)
          throw new HubError(`${what}: expected ${file.size} bytes but the server sends more`, false);
        await writeAll(handle, chunk, at);
        hash.update(chunk);
        at += chunk.length;
        count();
      }
      if (at < file.size) throw new Transient(`the connection ended after ${at} of ${file.size} bytes`);
    }
    await handle.truncate(file.size);
    const found = hash.digest('hex');
    if (found !== file.etag) {
      await handle.truncate(0);
      counted.bytes = 0;
      const message = `expected ${file.etag.length === 64 ? 'SHA-256' : 'git SHA-1'} ${file.etag} but found ${found}`;
      // What an earlier process left may be spoilt, what came twice is what the server has.
      throw ++counted.mismatches < 2 ? new Transient(message) : new HubError(`${what}: ${message}`, false);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Downloads a file to `blob`, whole and with its checksum or not at all. What a broken try got is kept beside it and taken up by the next.
 * Two processes at once write the same bytes to the same places of it, so they cannot spoil each other's.
 */
export async function downloadBlob(
  settings: HubSettings,
  file: HubFile,
  blob: string,
  options: DownloadOptions,
): Promise<void> {
  const partial = `${blob}.tuneloop.incomplete`;
  const counted = { bytes: 0, mismatches: 0 };
  let seen = 0;
  const progressed = (): boolean => {
    const further = counted.bytes > seen;
    seen = counted.bytes;
    return further;
  };
  await makeFolder(dirname(blob));
  try {
    await withRetries(settings, options, () => fetchOnce(settings, file, partial, options, counted), progressed);
    await rename(partial, blob);
  } catch (cause) {
    if (counted.mismatches > 0) await rm(partial, { force: true });
    // Another process has just finished the same file.
    const there = codeOf(cause) === 'ENOENT' ? await stat(blob).catch(() => undefined) : undefined;
    if (there?.size === file.size) return;
    throw codeOf(cause) === '' || cause instanceof HubError ? cause : fileError('write', partial, cause);
  }
}
