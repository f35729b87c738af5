import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly server: 'hub' | 'cdn';
  readonly method: string | undefined;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface FakeHub {
  readonly endpoint: string;
  readonly commit: string;
  readonly seen: Seen[];
  /** Told of each request first; answers it itself where it returns true. */
  intercept: (seen: Seen, request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const gitSha1 = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

const isLarge = (path: string): boolean => /\.(safetensors|parquet|gguf|gz)$/.test(path);
const etagOf = (path: string, bytes: Uint8Array): string => (isLarge(path) ? sha256(bytes) : gitSha1(bytes));

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** A server that speaks the hub's API for one repository, with a second one on another origin for large files. */
export async function fakeHub(
  files: Readonly<Record<string, Uint8Array>>,
  id = 'org/tiny',
  type: 'model' | 'dataset' = 'model',
): Promise<FakeHub> {
  const commit = 'c'.repeat(40);
  const seen: Seen[] = [];
  const hub: { intercept: FakeHub['intercept'] } = { intercept: () => false };
  const note = (server: Seen['server'], request: IncomingMessage): Seen => {
    const { authorization, range } = request.headers;
    const one = { server, method: request.method, path: request.url ?? '', authorization, range };
    seen.push(one);
    return one;
  };
  const sendFile = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    const bytes = files[path];
    if (bytes === undefined)
      return void response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-repo-commit': commit }).end();
    const [, from] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    const common = { etag: `"${etagOf(path, bytes)}"`, 'x-repo-commit': commit, 'accept-ranges': 'bytes' };
    if (start > 0 && start >= bytes.length)
      return void response.writeHead(416, { ...common, 'content-range': `bytes */${bytes.length}` }).end();
    const rest = bytes.subarray(start);
    const range = from === undefined ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(from === undefined ? 200 : 206, { ...common, 'content-length': rest.length, ...range });
    response.end(request.method === 'HEAD' ? undefined : rest);
  };
  const cdn = await listen((request, response) => {
    const one = note('cdn', request);
    if (hub.intercept(one, request, response)) return;
    sendFile(decodeURIComponent(new URL(one.path, 'http://x').searchParams.get('file') ?? ''), request, response);
  });
  const api = `/api/${type}s/${id}`;
  const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void =>
    void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  const main = await listen((request, response) => {
    const one = note('hub', request);
    if (hub.intercept(one, request, response)) return;
    const url = new URL(one.path, 'http://x');
    const path = decodeURIComponent(url.pathname);
    if (path === `${api}/revision/main` || path === `${api}/revision/${commit}` || path === `${api}/revision/v1`)
      return json(response, { id, sha: commit, siblings: Object.keys(files).map((rfilename) => ({ rfilename })) });
    if (path.startsWith(`${api}/revision/`))
      return void response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end();
    if (path === `${api}/tree/${commit}`) {
      const entries = Object.entries(files).map(([name, bytes]) => ({
        type: 'file',
        path: name,
        size: bytes.length,
        oid: isLarge(name) ? 'a'.repeat(40) : gitSha1(bytes),
        ...(isLarge(name) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}),
      }));
      // Two to a page, so that pages are followed.
      const at = Number(url.searchParams.get('cursor') ?? 0);
      const more =
        at + 2 < entries.length
          ? { link: `<http://${request.headers.host}${url.pathname}?recursive=true&cursor=${at + 2}>; rel="next"` }
          : {};
      return json(
        response,
        [{ type: 'directory', path: 'folder', oid: 'b'.repeat(40), size: 0 }, ...entries.slice(at, at + 2)],
        more,
      );
    }
    const prefix = `/${type === 'model' ? '' : 'datasets/'}${id}/resolve/`;
    if (path.startsWith(prefix)) {
      const name = path.slice(prefix.length).replace(/^[^/]+\//, '');
      const bytes = files[name];
      if (bytes === undefined || !isLarge(name)) return sendFile(name, request, response);
      const location = `http://127.0.0.1:${cdn.port}/blob?file=${encodeURIComponent(name)}&signature=secret`;
      const linked = {
        'x-linked-etag': `"${sha256(bytes)}"`,
        'x-linked-size': String(bytes.length),
        'x-repo-commit': commit,
      };
      return void response.writeHead(302, { location, ...linked }).end();
    }
    response.writeHead(401, { 'x-error-code': 'RepoNotFound' }).end();
  });
  return Object.assign(hub, {
    endpoint: `http://127.0.0.1:${main.port}`,
    commit,
    seen,
    close: async () => {
      await Promise.all([main.close(), cdn.close()]);
    },
  });
}
