import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the hub is, who asks, and where its files are kept, as Python's huggingface_hub decides it. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** Folder of the cache: HF_HUB_CACHE, else hub/ below HF_HOME. */
  readonly cache: string;
  readonly token?: string;
  readonly offline: boolean;
  /** Longest silence of a server. */
  readonly timeoutMs: number;
  /** Tries without progress before giving up, and the first wait between them, which doubles. */
  readonly tries: number;
  readonly retryMs: number;
}

const isTrue = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

/** `~` and `$NAME` as a shell reads them. */
function expanded(path: string, env: Environment): string {
  const home = path === '~' || path.startsWith('~/') ? `${env['HOME'] ?? homedir()}${path.slice(1)}` : path;
  return home.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (whole, bare?: string, braced?: string) => env[bare ?? braced ?? ''] ?? whole,
  );
}

async function tokenOf(env: Environment, home: string): Promise<string | undefined> {
  const given = (env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN'] || '').trim();
  if (given !== '') return given;
  if (isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return undefined;
  const path = expanded(env['HF_TOKEN_PATH'] || join(home, 'token'), env);
  const saved = await readFile(path, 'utf8').catch(() => '');
  return saved.trim() || undefined;
}

/** Reads HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT, HF_HUB_OFFLINE and HF_HUB_DOWNLOAD_TIMEOUT. RangeError where one is malformed. */
export async function hubSettings(env: Environment = process.env): Promise<HubSettings> {
  const home = expanded(
    env['HF_HOME'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache'), 'huggingface'),
    env,
  );
  const endpoint = (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, '');
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint))
    throw new RangeError(`HF_ENDPOINT: expected an address as https://huggingface.co but found ${endpoint}`);
  const seconds = Number(env['HF_HUB_DOWNLOAD_TIMEOUT'] || 30);
  if (!(seconds > 0))
    throw new RangeError(`HF_HUB_DOWNLOAD_TIMEOUT: expected seconds but found ${env['HF_HUB_DOWNLOAD_TIMEOUT']}`);
  const token = await tokenOf(env, home);
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new RangeError('The Hugging Face token (HF_TOKEN, or the token file) holds characters that no token has');
  return {
    endpoint,
    cache: expanded(env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || join(home, 'hub'), env),
    ...(token === undefined ? {} : { token }),
    offline: isTrue(env['HF_HUB_OFFLINE'] || env['TRANSFORMERS_OFFLINE']),
    timeoutMs: seconds * 1000,
    tries: 5,
    retryMs: 1000,
  };
}
