import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream';

/** What lies under a path of the site: a folder or a file on disk, or a file in memory. */
export type SiteEntry = { readonly path: string } | { readonly bytes: Uint8Array };

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

export interface SiteOptions {
  /** Listens on this port of this machine alone; any free one unless given. */
  readonly port?: number;
  /** Whether pages get threads: sends the two headers of cross-origin isolation. */
  readonly isolated: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Serves entries by path prefix, the longest first; a folder's own page is its index.html. */
export async function serveSite(
  entries: Readonly<Record<string, SiteEntry>>,
  { port = 0, isolated }: SiteOptions,
): Promise<Site> {
  const prefixes = Object.keys(entries).sort((a, b) => b.length - a.length);
  const find = (path: string): SiteEntry | undefined => {
    const prefix = prefixes.find((each) => path === each || (each.endsWith('/') && path.startsWith(each)));
    const entry = prefix === undefined ? undefined : entries[prefix];
    if (prefix === undefined || !entry || 'bytes' in entry) return entry;
    // normalize() of a rooted path keeps `..` from leading out of the folder.
    const file = prefix.endsWith('/') ? join(entry.path, normalize(`/${path.slice(prefix.length)}`)) : entry.path;
    const index = statSync(file, { throwIfNoEntry: false })?.isDirectory() ? join(file, 'index.html') : file;
    return statSync(index, { throwIfNoEntry: false })?.isFile() ? { path: index } : undefined;
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const found = find(path);
    if (!found) {
      response.writeHead(404).end(`Nothing at ${path}`);
      return;
    }
    response.writeHead(200, {
      'Content-Type': types[extname('path' in found ? found.path : path)] ?? 'application/octet-stream',
      'Cache-Control': 'no-store',
      ...(isolated ? isolation : {}),
    });
    if ('bytes' in found) response.end(found.bytes);
    else pipeline(createReadStream(found.path), response, () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
