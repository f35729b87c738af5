import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { full } from '../../src/adapters/full.ts';
import { lora } from '../../src/adapters/lora.ts';
import { collate } from '../../src/data/batches.ts';
import type { TrainExample } from '../../src/data/dataset.ts';
import { parsePeftConfig } from '../../src/hub/peft-config.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { classify } from '../../src/loop/classifier.ts';
import { defaultMaxLength } from '../../src/loop/config.ts';
import { classifierTask } from '../../src/loop/classifierTask.ts';
import { openClassifier, openModel } from '../../src/loop/model.ts';
import { gradientName } from '../../src/loop/programs.ts';
import { classifier } from '../../src/nn/models/index.ts';
import { ortEngine } from '../../src/runtime/node/ort-engine.ts';
import { tensor } from '../../src/runtime/tensor.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { collect, evaluateExactly, fixture, readFixture } from '../parity.ts';

interface Expected {
  ids: number[][];
  lengths: number[];
  tokenTypes: number[][];
  labels: (number | number[])[];
  lora: { logits: number[][]; loss: number; gradients: Record<string, [norm: number, product: number]> };
}

const root = await mkdtemp(join(tmpdir(), 'tuneloop-lora-classifier-'));
const engine = ortEngine({ threads: 1 });
after(async () => {
  engine.close();
  await rm(root, { recursive: true });
});

const pathOf = (name: string): string => fixture(`classifiers/${name}`);

function examplesOf({ ids, lengths, tokenTypes, labels }: Expected, count: number): TrainExample[] {
  return ids.map((row, index) => {
    const length = lengths[index] ?? 0;
    const label = labels[index] ?? 0;
    return {
      index,
      ids: Int32Array.from(row.slice(0, length)),
      mask: new Uint8Array(length),
      tokenTypes: Uint8Array.from(tokenTypes[index]?.slice(0, length) ?? []),
      label: Float32Array.from(
        typeof label === 'number' ? Array.from({ length: count }, (_, l) => (l === label ? 1 : 0)) : label,
      ),
    };
  });
}

async function assertLogits(expected: Expected, model: string, adapter?: string): Promise<void> {
  const loaded = await openClassifier({ model, adapter, engine });
  const examples = examplesOf(expected, loaded.model.labels.length);
  const found = await collect(classify(loaded, examples, { batchSize: 3 }));
  await loaded.close();
  const wanted = expected.lora.logits.flat();
  const logits = found.flatMap((line) => line.logits);
  assert.equal(logits.length, wanted.length);
  wanted.forEach((want, i) => assert.ok(Math.abs((logits[i] ?? Number.NaN) - want) < 1e-5, `${logits[i]}, ${want}`));
}

/** The base in f32, so that merged weights are not rounded. */
async function wide(name: string): Promise<string> {
  const folder = join(root, name);
  if (existsSync(folder)) return folder;
  const loaded = await openClassifier({ model: pathOf(name), newAdapter: { make: full, seed: 0 }, engine });
  await loaded.attached?.files.write(folder, { exact: true });
  await loaded.close();
  return folder;
}

for (const name of await readdir(fixture('classifiers'))) {
  const expected = readFixture(`classifiers/${name}/expected.json`) as Expected;
  const folder = `${pathOf(name)}/adapter`;

  test(`${name}: logits with PEFT's adapter and its head are PEFT's, and those of the merged checkpoint too`, async () => {
    await assertLogits(expected, pathOf(name), folder);
    const out = join(root, `${name} merged`);
    await mergeAdapter({ model: await wide(name), adapter: folder, out });
    await assertLogits(expected, out);
  });

  test(`${name}: loss and gradients of factors and head are PEFT's, and so is what is written`, async () => {
    const loaded = await openClassifier({ model: pathOf(name), adapter: folder, engine });
    const { adapter, files } = loaded.attached ?? assert.fail();
    const task = classifierTask(loaded, { maxLength: defaultMaxLength, packing: false, loss: 'auto' });
    const rows = examplesOf(expected, loaded.model.labels.length).map((row) => [row]);
    const batch = collate(rows, 12, 0);
    const graph = task.trainGraph(
      adapter,
      { batch: 3, length: 12, packed: false },
      { accumulate: false, recompute: true },
    );
    const feeds = {
      ...task.feeds(batch, graph),
      normalizer: tensor('f32', [], [1 / batch.supervisedTokens]),
    };
    const program = await loaded.programs.get('train', () => graph);
    const results = [await program.run(feeds), await evaluateExactly(graph, feeds, loaded.store)];
    const named = new Map(adapter.parameters.map((each) => [each.file ?? each.name, each.name]));
    assert.deepEqual([...named.keys()].toSorted(), Object.keys(expected.lora.gradients).toSorted());
    for (const found of results) {
      const loss = found['loss']?.data[0] ?? 0;
      assert.ok(Math.abs(loss - expected.lora.loss) < 1e-6, `loss ${loss} against ${expected.lora.loss}`);
      for (const [file, [norm, product]] of Object.entries(expected.lora.gradients)) {
        const gradient = Float64Array.from(found[gradientName(named.get(file) ?? '')]?.data ?? []);
        const along = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0);
        const length = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
        const tolerance = 2e-5 * norm + 1e-7;
        assert.ok(Math.abs(length - norm) < tolerance, `${file}: norm ${length} against ${norm}`);
        assert.ok(Math.abs(along - product) < tolerance, `${file}: product ${along} against ${product}`);
      }
    }
    const out = join(root, `${name} written`);
    await files.write(out);
    await loaded.close();
    const [written, own] = [await readPeftFolder(out), await readPeftFolder(folder)];
    assert.deepEqual({ ...written.config, base_model_name_or_path: name }, own.config);
    assert.deepEqual(new Map(written.tensors), new Map(own.tensors));
  });
}

const configOf = (options: Record<string, unknown>) =>
  parsePeftConfig({ peft_type: 'LORA', task_type: 'SEQ_CLS', r: 2, ...options }, 'a.json');
const modelOf = (name: string) => classifier(readFixture(`classifiers/${name}/config.json`) as Record<string, unknown>);

for (const [name, targets, wanted] of [
  ['bert', 'all-linear', ['output.dense', 'key', 'query', 'value', 'intermediate.dense', 'bert.pooler.dense']],
  ['bert', ['dense', 'classifier'], ['output.dense', 'intermediate.dense', 'bert.pooler.dense']],
  ['roberta', 'all-linear', ['output.dense', 'key', 'query', 'value', 'intermediate.dense']],
  ['roberta', ['dense', 'classifier'], ['output.dense', 'intermediate.dense']],
  ['llama', 'all-linear', ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']],
] as const) {
  test(`${name}: ${JSON.stringify(targets)} are the modules that PEFT takes, without the head`, () => {
    const { parameters, peft } = lora(configOf({ target_modules: targets }), modelOf(name));
    const modules = parameters.flatMap((each) => /^(.*)\.lora_A\.weight$/.exec(each.name)?.[1] ?? []);
    for (const ending of wanted)
      assert.ok(
        modules.some((module) => module.endsWith(ending)),
        ending,
      );
    for (const module of modules)
      assert.ok(
        wanted.some((ending) => module.endsWith(ending)),
        module,
      );
    assert.ok(Array.isArray(peft?.config['target_modules']), 'names, which every reader knows');
    assert.deepEqual(peft.config['modules_to_save'], ['classifier', 'score']);
  });
}

test('all layers of DistilBERT are adapted but those of its head', () => {
  const { peft } = lora(configOf({ target_modules: 'all-linear' }), modelOf('distilbert'));
  assert.deepEqual(peft?.config['target_modules'], ['q_lin', 'k_lin', 'v_lin', 'out_lin', 'lin1', 'lin2']);
});

test('an adapter for another task is refused by name', async () => {
  const adapter = fixture('lora/defaults');
  await assert.rejects(
    openClassifier({ model: pathOf('llama'), adapter, engine }),
    /adapter_config\.json: task_type: expected SEQ_CLS on this llama but found CAUSAL_LM/,
  );
  await assert.rejects(
    openModel({ model: fixture('models/default'), adapter: `${pathOf('llama')}/adapter`, engine }),
    /adapter_config\.json: task_type: expected CAUSAL_LM on this llama but found SEQ_CLS/,
  );
});
