import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readAdapter } from '../../../src/adapters/peftFolder.ts';
import { makeCursor } from '../../../src/data/cursor.ts';
import { openCheckpoint } from '../../../src/hub/checkpoint.ts';
import { readPeftFolder } from '../../../src/hub/peft.ts';
import { errorAt } from '../../../src/ir/errors.ts';
import { bestWatch } from '../../../src/loop/best.ts';
import { readState, writeState } from '../../../src/loop/checkpointState.ts';
import { latestCheckpoint } from '../../../src/loop/checkpoints.ts';
import { openTokenizer } from '../../../src/loop/openTokenizer.ts';
import type { Stateful } from '../../../src/loop/stateful.ts';
import { languageModel } from '../../../src/nn/models/index.ts';
import { mutateBytes } from '../bytes.ts';
import { type Draw, pick } from '../draws.ts';
import { type Json, jsonFile } from '../json.ts';
import type { FuzzCase, FuzzTarget } from '../target.ts';
import { readAll } from './safetensors.ts';

const root = mkdtempSync(join(tmpdir(), 'tuneloop-fuzzed-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const fixture = (path: string): string => fileURLToPath(new URL(`../../../test/fixtures/${path}`, import.meta.url));

/** A copy of a folder, of which each case spoils one file. */
function spoilable(name: string, files: readonly string[]): { folder: string; spoil: (draw: Draw) => Uint8Array } {
  const folder = join(root, name);
  const originals = new Map(files.map((file) => [file, Uint8Array.from(readFileSync(join(folder, file)))]));
  let spoilt: string | undefined;
  const put = (file: string, bytes: Uint8Array): void => writeFileSync(join(folder, file), bytes);
  return {
    folder,
    spoil: (draw) => {
      if (spoilt !== undefined) put(spoilt, originals.get(spoilt) ?? new Uint8Array());
      spoilt = pick(draw, files);
      const original = originals.get(spoilt) ?? new Uint8Array();
      const bytes = spoilt.endsWith('.json')
        ? jsonFile(JSON.parse(new TextDecoder().decode(original)) as Json, draw)
        : mutateBytes(original, draw, 0, Math.min(original.length, 1500));
      put(spoilt, bytes);
      return bytes;
    },
  };
}

function copied(name: string, source: string): string[] {
  cpSync(fixture(source), join(root, name), { recursive: true });
  return readdirSync(join(root, name)).filter(
    (file) => /\.(json|safetensors|jinja)$/.test(file) && file !== 'expected.json',
  );
}

function target(
  name: string,
  weight: number,
  { folder, spoil }: ReturnType<typeof spoilable>,
  read: (folder: string) => Promise<void>,
): FuzzTarget {
  return { name, weight, says: folder, caseOf: (draw): FuzzCase => ({ input: spoil(draw), read: () => read(folder) }) };
}

const sharded = copied('sharded', 'models/sharded');
const chat = copied('chat', 'models/chat');
const adapter = copied('adapter', 'lora/patterns');
const base = languageModel(
  JSON.parse(readFileSync(fixture('models/default/config.json'), 'utf8')) as Record<string, unknown>,
);

const readCheckpoint = async (folder: string): Promise<void> => {
  const checkpoint = await openCheckpoint(folder);
  try {
    await readAll(checkpoint.tensors.values());
  } finally {
    await checkpoint.close();
  }
};

const unread = (): never => {
  throw new Error('no batch is read');
};
const batches = { batchesPerEpoch: 5, longest: 8, at: unread, sizeOf: unread };
function units(): Stateful[] {
  const cursor = makeCursor(batches);
  const place: Stateful = {
    name: 'data',
    version: 1,
    save: async () => ({ data: cursor.save(), tensors: new Map([['a', Float32Array.of(1, 2)]]) }),
    load: async ({ data }) => cursor.load(data),
  };
  return [place, bestWatch({ metricForBestModel: 'evalLoss' })];
}
const noFiles = { folder: 'adapter', write: async () => {}, read: async () => {} } as const;

const run = join(root, 'checkpoints');
const step = join(run, 'step-2');
mkdirSync(step, { recursive: true });
await writeState(step, noFiles, 2, units());
const stateFiles = readdirSync(step);
/** The checksums of whoever spoilt the files. */
function manifest(): void {
  const files = Object.fromEntries(
    stateFiles.map((name) => {
      const bytes = readFileSync(join(step, name));
      return [name, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }];
    }),
  );
  writeFileSync(join(step, 'manifest.json'), JSON.stringify({ version: 1, step: 2, files }));
}
manifest();

/** Folders on disk: checkpoints in shards, tokenizers, adapters on their model, states of training. */
export const folderTargets: readonly FuzzTarget[] = [
  target('checkpoint folder', 0.5, spoilable('sharded', sharded), readCheckpoint),
  target(
    'tokenizer folder',
    0.5,
    spoilable(
      'chat',
      chat.filter((file) => file !== 'model.safetensors'),
    ),
    async (folder) => {
      (await openTokenizer(folder)).encode('Hello 12');
    },
  ),
  target('adapter folder', 0.5, spoilable('adapter', adapter), async (folder) => {
    await readPeftFolder(folder);
    await readAdapter(folder, base, async () => new Float32Array(0));
  }),
  target('training state', 0.5, spoilable('checkpoints/step-2', stateFiles), async (folder) => {
    manifest();
    const { good, damaged } = await latestCheckpoint(run);
    if (damaged.length > 0) throw errorAt(folder, new Error(damaged[0]?.reason));
    await readState(good?.path ?? '', noFiles, units());
  }),
];
