import type { TensorSource } from '../runtime/tensor-source.ts';
import { memoryFile } from './byte-file.ts';
import type { Checkpoint } from './checkpoint.ts';
import { fingerprintBytes } from './fingerprintBytes.ts';
import { parseJson, recordOf } from './json.ts';
import { readSafetensors } from './safetensors.ts';

export interface FetchOptions {
  readonly signal?: AbortSignal;
}

/** The response under a URL; undefined where there is nothing, or a page that says so. */
async function get(url: URL, { signal }: FetchOptions): Promise<Response | undefined> {
  const response = await fetch(url, signal ? { signal } : {});
  const isPage = response.headers.get('content-type')?.startsWith('text/html') === true;
  if (response.status === 404 || (response.ok && isPage)) {
    await response.body?.cancel();
    return undefined;
  }
  if (!response.ok) throw new Error(`${url.href}: expected the file but found status ${response.status}`);
  return response;
}

async function json(url: URL, options: FetchOptions): Promise<unknown> {
  const response = await get(url, options);
  return response && parseJson(await response.text(), url.href);
}

/** SHA-256 as `openCheckpoint` takes it; the browser hashes bytes that lie in one piece. */
async function fingerprint(tensors: ReadonlyMap<string, TensorSource>): Promise<string> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const bytes of fingerprintBytes(tensors.values())) pieces.push(bytes.slice());
  const digest = await crypto.subtle.digest('SHA-256', await new Blob(pieces).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A checkpoint folder behind a URL, into memory: config.json and model.safetensors, and tokenizer.json, tokenizer_config.json,
 * chat_template.jinja, generation_config.json and preprocessor_config.json where they are there. Throws Error, SyntaxError or TypeError that names the URL.
 */
export async function fetchCheckpoint(folder: string | URL, options: FetchOptions = {}): Promise<Checkpoint> {
  const path = new URL(folder, globalThis.location?.href).href;
  const urlOf = (name: string): URL => new URL(name, path.endsWith('/') ? path : `${path}/`);
  const [config, tokenizerJson, tokenizerConfig, generationConfig, preprocessorConfig, template, weights] =
    await Promise.all([
      json(urlOf('config.json'), options),
      json(urlOf('tokenizer.json'), options),
      json(urlOf('tokenizer_config.json'), options),
      json(urlOf('generation_config.json'), options),
      json(urlOf('preprocessor_config.json'), options),
      get(urlOf('chat_template.jinja'), options),
      get(urlOf('model.safetensors'), options),
    ]);
  if (config === undefined)
    throw new Error(`${path}: expected a checkpoint folder with config.json but found none there`);
  if (!weights) throw new Error(`${path}: expected model.safetensors in one piece but found none there`);
  const file = memoryFile(urlOf('model.safetensors').href, new Uint8Array(await weights.arrayBuffer()));
  const { tensors } = await readSafetensors(file);
  const chatTemplate = await template?.text();
  const tokenizer = tokenizerJson !== undefined && {
    tokenizerJson,
    tokenizerConfig: tokenizerConfig ?? {},
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    namedTemplates: {},
  };
  return {
    path,
    format: 'safetensors',
    config: recordOf(config, urlOf('config.json').href),
    tensors,
    ...(tokenizer ? { tokenizer } : {}),
    ...(generationConfig === undefined ? {} : { generationConfig }),
    ...(preprocessorConfig === undefined ? {} : { preprocessorConfig }),
    fingerprint: () => fingerprint(tensors),
    close: () => file.close(),
  };
}
