import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseJson } from '../json.ts';
import type { HubSettings } from './hubSettings.ts';

/** A request that failed for good. */
export class HubError extends Error {
  override readonly name = 'HubError';
  /** The server was not reached, or could not serve now: what is in the cache may do. */
  readonly unavailable: boolean;
  constructor(message: string, unavailable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.unavailable = unavailable;
  }
}

/** A failure that another try may mend, with the wait that the server asks for. */
export class Transient extends Error {
  override readonly name = 'Transient';
  readonly waitMs: number | undefined;
  constructor(message: string, waitMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.waitMs = waitMs;
  }
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** What is asked for, in errors: model org/name. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

const maxRedirects = 10;
/** A server that asks for a longer wait is told of instead of waited for. */
const maxWaitMs = 5 * 60_000;
const maxAnswerBytes = 64 << 20;

function retryAfterMs(response: Response): number | undefined {
  const header = response.headers.get('retry-after');
  // RateLimit: "api";r=0;t=57, as the hub sends it
  const [, reset] = /;t=(\d+)/.exec(response.headers.get('ratelimit') ?? '') ?? [];
  const text = header ?? reset;
  if (text === undefined || text === null) return undefined;
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Why a status is an error, in words that say what to do. */
function refusal({ endpoint, token }: HubSettings, what: string, response: Response): Error {
  const { status } = response;
  const code = response.headers.get('x-error-code') ?? '';
  const host = new URL(endpoint).host;
  const signIn =
    token === undefined ? 'set HF_TOKEN to a token that may read it' : 'the token that was sent may not read it';
  const fail = (reason: string): HubError => new HubError(`${what}: ${reason}`, false);
  if (code === 'GatedRepo')
    return fail(
      `access is gated: accept its terms on ${host}${token === undefined ? ' and set HF_TOKEN' : ' with the account of the token that was sent'}`,
    );
  if (code === 'RevisionNotFound') return fail(`${host} has no such revision`);
  if (code === 'EntryNotFound') return fail(`${host} has no such file in it`);
  if (status === 401 && token !== undefined && code !== 'RepoNotFound')
    return fail(`${host} does not accept the token that was sent (HF_TOKEN, or the token file)`);
  // The hub answers 401 for what does not exist, too, so that nobody learns the names of private repositories.
  if (status === 401 || code === 'RepoNotFound' || status === 404)
    return fail(`${host} has none of that name, or it is private: ${signIn}`);
  if (status === 403) return fail(`${host} forbids it: ${signIn}`);
  if (status === 429) {
    const waitMs = retryAfterMs(response);
    if (waitMs !== undefined && waitMs > maxWaitMs)
      return new HubError(
        `${what}: ${host} limits the rate of requests and asks to wait ${Math.ceil(waitMs / 60_000)} minutes`,
        true,
      );
    return new Transient(`${host} limits the rate of requests (429)`, waitMs);
  }
  if (status >= 500 || status === 408)
    return new Transient(`${host} answers with status ${status}`, retryAfterMs(response));
  return fail(`${host} answers with status ${status}`);
}

function networkMessage(cause: unknown, host: string): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason =
    inner instanceof Error
      ? ('code' in inner && typeof inner.code === 'string' ? inner.code : '') || inner.message
      : String(inner);
  const proxy = process.env['HTTPS_PROXY'] ?? process.env['https_proxy'];
  const hint =
    proxy !== undefined && process.env['NODE_USE_ENV_PROXY'] === undefined
      ? '; HTTPS_PROXY is honoured with NODE_USE_ENV_PROXY=1 (Node 24)'
      : '';
  return `${host} cannot be reached (${reason})${hint}`;
}

/** One GET; redirects are followed, and the token goes to the hub's own origin alone. Throws Transient or HubError unless the answer is a success or 416. */
export async function hubGet(settings: HubSettings, address: string, options: RequestOptions): Promise<Response> {
  const { endpoint, token, timeoutMs } = settings;
  const { what, signal } = options;
  const home = new URL(endpoint).origin;
  let url = new URL(address);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const authorization = token !== undefined && url.origin === home ? { authorization: `Bearer ${token}` } : {};
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error(`no answer for ${timeoutMs / 1000} s`)), timeoutMs);
    const stop = (): void => abort.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    let response: Response;
    try {
      signal?.throwIfAborted();
      response = await fetch(url, {
        redirect: 'manual',
        signal: abort.signal,
        headers: { 'user-agent': 'tuneloop', 'accept-encoding': 'identity', ...options.headers, ...authorization },
      });
    } catch (cause) {
      signal?.throwIfAborted();
      const message = networkMessage(cause, url.host);
      // A name that nobody knows is no network, or no such host: waiting seldom helps.
      if (/\((?:ENOTFOUND|EAI_AGAIN)\)/.test(message)) throw new HubError(`${what}: ${message}`, true, { cause });
      throw new Transient(message, undefined, { cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) throw refusal(settings, what, response);
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
    if (
      next === undefined ||
      !/^https?:$/.test(next.protocol) ||
      (url.protocol === 'https:' && next.protocol === 'http:')
    )
      throw new HubError(`${what}: ${url.host} redirects to ${location.slice(0, 100)}, which is not followed`, false);
    url = next;
  }
  throw new HubError(`${what}: more than ${maxRedirects} redirects`, false);
}

/** Repeats what fails for a time, with growing waits; `progressed` says whether a try got further, which starts the count again. */
export async function withRetries<T>(
  settings: HubSettings,
  { what, signal }: Pick<RequestOptions, 'what' | 'signal'>,
  attempt: () => Promise<T>,
  progressed: () => boolean = () => false,
): Promise<T> {
  for (let failed = 1; ; failed++) {
    try {
      return await attempt();
    } catch (cause) {
      if (!(cause instanceof Transient)) throw cause;
      if (progressed()) failed = 1;
      if (failed >= settings.tries)
        throw new HubError(`${what}: ${cause.message}, in ${failed} tries`, true, { cause });
      const waitMs = cause.waitMs ?? settings.retryMs * 2 ** (failed - 1) * (0.75 + Math.random() / 2);
      await sleep(Math.min(waitMs, maxWaitMs), undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** The chunks of a body; Transient where it breaks off or falls silent. */
export async function* bodyChunks(
  settings: HubSettings,
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(
          () => reject(new Transient(`no data for ${settings.timeoutMs / 1000} s`)),
          settings.timeoutMs,
        );
      });
      let next: Awaited<ReturnType<typeof reader.read>>;
      try {
        signal?.throwIfAborted();
        next = await Promise.race([reader.read(), silence]);
      } catch (cause) {
        signal?.throwIfAborted();
        throw cause instanceof Transient ? cause : new Transient('the connection broke off', undefined, { cause });
      } finally {
        clearTimeout(timer);
      }
      if (next.done) return;
      yield next.value;
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

/** A JSON answer, with the address of its next page where it has one. */
export async function hubJson(
  settings: HubSettings,
  address: string,
  options: RequestOptions,
): Promise<{ value: unknown; next?: string }> {
  return withRetries(settings, options, async () => {
    const response = await hubGet(settings, address, options);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of bodyChunks(settings, response, options.signal)) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes)
        throw new HubError(`${options.what}: the answer is longer than ${maxAnswerBytes} bytes`, false);
      pieces.push(chunk);
    }
    let value: unknown;
    try {
      value = parseJson(Buffer.concat(pieces).toString('utf8'), options.what);
    } catch (cause) {
      throw new HubError(
        `${options.what}: ${new URL(settings.endpoint).host} does not answer as the Hugging Face hub does (no JSON)`,
        false,
        { cause },
      );
    }
    const [, next] = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '') ?? [];
    return next === undefined || !URL.canParse(next, address)
      ? { value }
      : { value, next: new URL(next, address).href };
  });
}
