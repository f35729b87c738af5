import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { locateModel } from '../../../src/hub/node/locate.ts';
import { root, settingsFor, shard, small, withHub } from './hubFixtures.ts';

const python = process.env['TUNELOOP_PYTHON'] ?? 'python3';
const run = promisify(execFile);
const hubVersion = await run(python, ['-c', 'import huggingface_hub; print(huggingface_hub.__version__)']).then(
  ({ stdout }) => stdout.trim(),
  () => undefined,
);

test(
  'Python’s huggingface_hub and tuneloop read each other’s cache',
  { skip: hubVersion === undefined && 'no huggingface_hub at TUNELOOP_PYTHON or python3' },
  () =>
    withHub({ ...small, 'model.safetensors': shard }, async (hub) => {
      const script = (call: string): string =>
        `import os\nfrom huggingface_hub import ${call.split('(')[0]}\nprint(${call})`;
      const python1 = async (cache: string, offline: boolean, call: string): Promise<string> => {
        const env = {
          ...process.env,
          HF_HOME: join(root, 'python-home'),
          HF_HUB_CACHE: cache,
          HF_ENDPOINT: hub.endpoint,
          HF_HUB_OFFLINE: offline ? '1' : '0',
          HF_HUB_DISABLE_TELEMETRY: '1',
          HF_HUB_DISABLE_XET: '1',
        };
        const { stdout } = await run(python, ['-c', script(call)], { env });
        return stdout.trim().split('\n').at(-1) ?? '';
      };
      const ours = join(root, 'ours');
      const { path } = await locateModel('org/tiny', { settings: await settingsFor(hub, {}, ours) });
      assert.equal(await python1(ours, true, "snapshot_download('org/tiny')"), path);
      const before = hub.seen.length;
      assert.equal(
        await python1(ours, false, "hf_hub_download('org/tiny', 'model.safetensors')"),
        join(path, 'model.safetensors'),
      );
      assert.ok(
        hub.seen.slice(before).every(({ server, method }) => server === 'hub' || method === 'HEAD'),
        'Python brings nothing again',
      );

      const theirs = join(root, 'theirs');
      const downloaded = await python1(theirs, false, "snapshot_download('org/tiny')");
      const seen = hub.seen.length;
      const offline = await settingsFor(hub, { HF_HUB_OFFLINE: '1' }, theirs);
      assert.equal((await locateModel('org/tiny', { settings: offline })).path, downloaded);
      await locateModel('org/tiny', { settings: await settingsFor(hub, {}, theirs) });
      assert.ok(
        hub.seen.slice(seen).every(({ server, path: asked }) => server === 'hub' && !asked.includes('/resolve/')),
        'nothing is brought again',
      );
      assert.ok((await lstat(join(downloaded, 'model.safetensors'))).isSymbolicLink());
    }),
);
