import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fakeHub, gitSha1, sha256 } from '../../test/hub/node/fakeHub.ts';
import { cli, measured, succeed } from './cli.ts';
import { compareScenario } from './compareScenario.ts';
import type { Scenario } from './scenario.ts';
import { treeOf } from './tree.ts';
import { esArgs, grpoArgs, model, runScenario, tuneArgs } from './tuneScenario.ts';

/** Makes a scenario in a folder of its own. */
type Maker = (folder: string) => Promise<Scenario>;

/** A command that writes one file or folder: after a kill it is whole or not there, and the command, given again, writes it. */
async function outputScenario(name: string, folder: string, argv: readonly string[]): Promise<Scenario> {
  const whole = join(folder, 'whole');
  const { ms, changes } = await measured([...argv, '--out', whole], folder);
  const expected = treeOf(whole);
  assert.ok(Object.keys(expected).length > 0);
  let runs = 0;
  return {
    name,
    ms,
    changes,
    once: async (kill) => {
      const place = join(folder, `run-${runs++}`);
      mkdirSync(place);
      const out = join(place, 'whole');
      const { code } = await cli([...argv, '--out', out], kill);
      if (existsSync(out)) assert.deepEqual(treeOf(out), expected);
      else await succeed([...argv, '--out', out]);
      assert.deepEqual(treeOf(out), expected);
      rmSync(place, { recursive: true });
      return code === null;
    },
  };
}

const nano = fileURLToPath(new URL('../../assets/nano', import.meta.url));

/** A command on nano and a new adapter of it. */
const onAdapter =
  (name: string, argv: readonly string[]): Maker =>
  async (folder) => {
    const run = join(folder, 'run');
    await succeed([...tuneArgs(folder, { steps: 1, base: nano }), '--out', run]);
    return outputScenario(name, folder, [...argv, '--model', nano, '--adapter', join(run, 'adapter'), '--quiet']);
  };

const exported = (format: string): Maker =>
  onAdapter(`export ${format}`, ['export', '--format', format, '--engine', 'ort', '--threads', '1']);

/** A model that comes from a hub: what lies under a blob's name has the bytes that the name is the hash of, and the download goes on. */
async function downloadScenario(folder: string): Promise<Scenario> {
  mkdirSync(folder, { recursive: true });
  const files = Object.fromEntries(
    readdirSync(model)
      .filter((name) => name !== 'expected.json')
      .map((name) => [name, Uint8Array.from(readFileSync(join(model, name)))]),
  );
  const hub = await fakeHub(files);
  const data = join(folder, 'data.jsonl');
  writeFileSync(data, '{"text": "The cat sat."}\n');
  const argv = ['score', '--model', 'org/tiny', '--data', data, '--quiet', '--engine', 'ort', '--threads', '1'];
  const envOf = (home: string): Record<string, string> => ({
    HF_HOME: home,
    HF_HUB_CACHE: join(home, 'hub'),
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_OFFLINE: '0',
  });
  const whole = join(folder, 'whole.jsonl');
  const { ms, changes } = await measured([...argv, '--out', whole], folder, envOf(join(folder, 'home')));
  const expected = readFileSync(whole, 'utf8');
  let runs = 0;
  return {
    name: 'download',
    ms,
    changes,
    close: () => hub.close(),
    once: async (kill) => {
      const home = join(folder, `home-${runs++}`);
      const out = join(home, 'scores.jsonl');
      mkdirSync(home);
      const env = envOf(home);
      const { code } = await cli([...argv, '--out', out], { ...kill, env });
      const blobs = join(home, 'hub', 'models--org--tiny', 'blobs');
      for (const name of existsSync(blobs) ? readdirSync(blobs) : []) {
        const bytes = readFileSync(join(blobs, name));
        if (!name.endsWith('.incomplete')) assert.ok(name === sha256(bytes) || name === gitSha1(bytes), `blob ${name}`);
      }
      if (existsSync(out)) assert.equal(readFileSync(out, 'utf8'), expected);
      await succeed([...argv, '--out', out], { env });
      assert.equal(readFileSync(out, 'utf8'), expected);
      rmSync(home, { recursive: true });
      return code === null;
    },
  };
}

const run =
  (name: string, argvIn: (folder: string) => readonly string[]): Maker =>
  (folder) =>
    runScenario(name, argvIn, folder);

/** Everything that writes what others rely on. */
export const scenarios: Readonly<Record<string, Maker>> = {
  tune: run('tune', tuneArgs),
  grpo: run('grpo', grpoArgs),
  es: run('es', esArgs),
  compare: compareScenario,
  merge: onAdapter('merge', ['merge']),
  'export gguf': exported('gguf'),
  'export onnx': exported('onnx'),
  download: downloadScenario,
};
