import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { ssf } from '../../src/adapters/ssf.ts';
import { openModel } from '../../src/loop/model.ts';
import { score } from '../../src/loop/score.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, fixture } from '../parity.ts';

const root = await mkdtemp(join(tmpdir(), 'tuneloop-ssf-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});

const examples = [
  { index: 0, ids: Int32Array.from({ length: 20 }, (_, i) => 3 + ((7 * i) % 40)), mask: new Uint8Array(20).fill(1) },
  { index: 1, ids: Int32Array.from({ length: 9 }, (_, i) => 5 + ((3 * i) % 40)), mask: new Uint8Array(9).fill(1) },
];

/** The base in f32, so that merged weights are not rounded. */
async function wide(name: string): Promise<string> {
  const folder = join(root, name.replace('/', '-'));
  const loaded = await openModel({ model: fixture(name), newAdapter: { make: full, seed: 0 }, engine });
  await loaded.attached?.files.write(folder, { exact: true });
  await loaded.close();
  return folder;
}

/** Writes a new adapter of a model and returns its folder. */
async function fresh(model: string, shift: boolean): Promise<string> {
  const folder = join(root, `adapter-${basename(model)}-${shift}`);
  const loaded = await openModel({
    model,
    engine,
    newAdapter: { make: (made) => ssf({ shift }, made), seed: 5 },
  });
  await loaded.attached?.files.write(folder);
  await loaded.close();
  return folder;
}

async function logprobsOf(model: string, adapter?: string): Promise<number[]> {
  const loaded = await openModel({ model, engine, ...(adapter === undefined ? {} : { adapter }) });
  const rows = await collect(score(loaded, examples, { batchSize: 2 }));
  await loaded.close();
  return rows.flatMap(({ logprobs }) => logprobs.flatMap((value) => value ?? []));
}

const closest = (found: readonly number[], wanted: readonly number[]): number =>
  Math.max(...wanted.map((want, i) => Math.abs((found[i] ?? Number.NaN) - want)));

for (const [name, shift] of [
  ['architectures/gpt2', true],
  ['architectures/gemma3', false],
  ['models/default', false],
] as const) {
  test(`${name}: folded into the weights, ${shift ? 'scales and shifts' : 'scales'} give the same log-probabilities`, async () => {
    const model = await wide(name);
    const adapter = await fresh(model, shift);
    const out = `${adapter}-merged`;
    await mergeAdapter({ model, adapter, out });
    const [apart, folded, base] = [await logprobsOf(model, adapter), await logprobsOf(out), await logprobsOf(model)];
    assert.ok(closest(folded, apart) < 1e-5, `${closest(folded, apart)}`);
    assert.ok(closest(base, apart) > 1e-3, 'a new adapter is noise around the model');
  });
}

test('a shift that no bias can take is refused by name when merging, and serves unmerged', async () => {
  const model = fixture('models/default');
  const adapter = await fresh(model, true);
  await assert.rejects(
    mergeAdapter({ model, adapter, out: join(root, 'no') }),
    /have no bias that a shift could go into/,
  );
  assert.ok((await logprobsOf(model, adapter)).every(Number.isFinite));
});

test('every linear layer and norm has its two vectors, the embedding none, and decay leaves them out', async () => {
  const checkpoint = await openCheckpoint(fixture('models/default'));
  const model = languageModel(checkpoint.config);
  await checkpoint.close();
  const { parameters } = ssf({ shift: true }, model);
  const norms = 2 * model.layers + 1;
  assert.equal(parameters.length, 2 * (model.linears.length + norms));
  assert.ok(parameters.every(({ name, decays }) => !decays && !name.includes('embed')));
});
