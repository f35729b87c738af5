import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { hubSettings, type HubSettings } from '../../../src/hub/node/hubSettings.ts';
import { type FakeHub, fakeHub } from './fakeHub.ts';

export const root = await mkdtemp(join(tmpdir(), 'tuneloop-hub-'));
after(() => rm(root, { recursive: true }));

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const shard = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251);
export const small = {
  'config.json': bytes('{"model_type":"llama"}'),
  'tokenizer.json': bytes('{}'),
  'chat_template.jinja': bytes('{{ messages }}'),
};
export const sharded = {
  ...small,
  'model.safetensors.index.json': bytes('{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}'),
  'model-1.safetensors': shard,
  'model-2.safetensors': bytes('second'),
  'pytorch_model.bin': bytes('pickle'),
  'consolidated.safetensors': bytes('for another library'),
  'README.md': bytes('# card'),
};

let folders = 0;
export const settingsFor = async (
  hub: FakeHub,
  env: Record<string, string> = {},
  cache?: string,
): Promise<HubSettings> => ({
  ...(await hubSettings({
    HF_HOME: join(root, `home-${folders++}`),
    HF_ENDPOINT: hub.endpoint,
    ...(cache === undefined ? {} : { HF_HUB_CACHE: cache }),
    ...env,
  })),
  timeoutMs: 1000,
  tries: 3,
  retryMs: 1,
});

export async function withHub(files: Record<string, Uint8Array>, work: (hub: FakeHub) => Promise<void>): Promise<void> {
  const hub = await fakeHub(files);
  try {
    await work(hub);
  } finally {
    await hub.close();
  }
}
