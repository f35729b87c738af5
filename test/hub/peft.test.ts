import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { memoryFile } from '../../src/hub/byte-file.ts';
import { readAdapter, writeAdapter } from '../../src/adapters/peftFolder.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { languageModel } from '../../src/nn/models/index.ts';
import { parsePeftConfig } from '../../src/hub/peft-config.ts';
import { patternValue, rankOf, scaleOf, targetsModule } from '../../src/hub/peft-target.ts';
import { readSafetensors, safetensorsBytes } from '../../src/hub/safetensors.ts';
import { memorySource } from '../../src/runtime/tensor-source.ts';
import type { TensorSource } from '../../src/runtime/tensor-source.ts';
import { concat } from './gguf-bytes.ts';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const root = await mkdtemp(join(tmpdir(), 'tuneloop-peft-'));
after(() => rm(root, { recursive: true }));

const modelConfig = JSON.parse(await readFile(join(fixtures, 'models/default/config.json'), 'utf8')) as Record<
  string,
  unknown
>;
const model = languageModel(modelConfig);

/** These files hold no copies of the base's weights. */
const noBase = (name: string): Promise<Float32Array> => assert.fail(name);

const counts = { defaults: 4, patterns: 8, regex: 3, rslora: 8, 'all-linear': 14 };

for (const [name, expected] of Object.entries(counts)) {
  test(`PEFT's ${name} adapter reads, fits its model, and is written again the same`, async () => {
    const folder = join(fixtures, 'lora', name);
    const { adapter, values } = await readAdapter(folder, model, noBase);
    assert.equal(adapter.parameters.length, 2 * expected);

    const written = join(root, name);
    const write = (options = {}) =>
      writeAdapter(written, adapter, (each) => values.get(each) ?? assert.fail(each), 'models/default', options);
    await write();
    const file = 'adapter_model.safetensors';
    assert.deepEqual(await readFile(join(written, file)), await readFile(join(folder, file)));
    const json = async (at: string): Promise<Record<string, unknown>> =>
      JSON.parse(await readFile(join(at, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    const found = await json(written);
    assert.deepEqual(found, await json(folder));
    assert.deepEqual(Object.keys(found), Object.keys(await json(folder)), 'keys in the same order');
    assert.deepEqual(await readdir(written), ['README.md', 'adapter_config.json', file]);
    await assert.rejects(write(), /it exists already/);
    await write({ replace: true });
  });
}

const parse = (more: Record<string, unknown>): unknown => parsePeftConfig({ peft_type: 'LORA', ...more }, 'a.json');

test('a config without options has the defaults of PEFT', () => {
  assert.deepEqual(parse({ bias: 'none', use_dora: false, loftq_config: {}, some_new_option: null }), {
    r: 8,
    loraAlpha: 8,
    loraDropout: 0,
    useRslora: false,
    rankPattern: {},
    alphaPattern: {},
    initLoraWeights: true,
  });
});

test('an option that is not honoured is refused by name when it is set', () => {
  const cases: [string, unknown][] = [
    ['layer_replication', [[0, 4]]],
    ['target_parameters', ['w']],
    ['loftq_config', { bits: 4 }],
    ['some_new_option', 0],
  ];
  for (const [key, value] of cases) {
    assert.throws(
      () => parse({ [key]: value }),
      (error) => error instanceof TypeError && error.message.startsWith(`a.json: ${key}: `),
      key,
    );
  }
  assert.throws(() => parse({ peft_type: 'VERA' }), /a\.json: peft_type: expected LORA but found "VERA"/);
  assert.throws(() => parse({ init_lora_weights: 'corda' }), /init_lora_weights: .* found "corda"/);
  assert.throws(
    () => parse({ task_type: 'TOKEN_CLS' }),
    /task_type: expected CAUSAL_LM or SEQ_CLS but found "TOKEN_CLS"/,
  );
  for (const [key, value] of [
    ['r', 0],
    ['r', 2.5],
    ['lora_alpha', '8'],
    ['lora_dropout', 1],
    ['rank_pattern', { a: 0 }],
    ['target_modules', [1]],
    ['use_rslora', 1],
    ['use_dora', 'yes'],
    ['bias', 'some'],
    ['modules_to_save', 'lm_head'],
    ['trainable_token_indices', [-1]],
  ] as const) {
    assert.throws(
      () => parse({ [key]: value }),
      (error) => error instanceof SyntaxError && error.message.startsWith(`a.json: ${key}: `),
      key,
    );
  }
});

test('targets are chosen by the rule of PEFT', () => {
  const q = 'model.layers.1.self_attn.q_proj';
  assert.ok(targetsModule({ targetModules: ['q_proj'] }, q));
  assert.ok(targetsModule({ targetModules: ['self_attn.q_proj'] }, q));
  assert.ok(!targetsModule({ targetModules: ['proj'] }, q), 'a part of a name is not a name');
  assert.ok(!targetsModule({ targetModules: 'q_proj' }, q), 'a regular expression is for the whole path');
  assert.ok(targetsModule({ targetModules: String.raw`.*\.[qk]_proj` }, q));
  assert.ok(!targetsModule({ targetModules: ['q_proj'], excludeModules: ['layers.1.self_attn.q_proj'] }, q));
  assert.ok(!targetsModule({ targetModules: ['q_proj'], excludeModules: '.*q_proj' }, q));
  assert.ok(targetsModule({ targetModules: 'All-Linear' }, q));
  assert.ok(!targetsModule({ targetModules: 'all-linear' }, 'lm_head', true));
  assert.ok(targetsModule({ targetModules: ['lm_head'] }, 'lm_head', true));
  assert.ok(!targetsModule({}, q));
  assert.ok(targetsModule({ targetModules: ['q_proj'], layersToTransform: [1] }, q));
  assert.ok(!targetsModule({ targetModules: ['q_proj'], layersToTransform: 0 }, q));
  assert.ok(targetsModule({ targetModules: ['q_proj'], layersToTransform: 1, layersPattern: 'layers' }, q));
  assert.ok(!targetsModule({ targetModules: ['q_proj'], layersToTransform: 1, layersPattern: ['h'] }, q));
  assert.ok(targetsModule({ targetModules: [q], layersToTransform: 0 }, q), 'a whole path goes before layer numbers');
  assert.throws(() => targetsModule({ targetModules: '(' }, q), /target_modules/);
});

test('patterns give rank and scale by the first that matches', () => {
  const path = 'model.layers.1.mlp.down_proj';
  assert.equal(patternValue({ down_proj: 6 }, path, 4), 6);
  assert.equal(patternValue({ wn_proj: 6 }, path, 4), 4);
  assert.equal(patternValue({ 'layers.1.mlp.down_proj': 3, down_proj: 6 }, path, 4), 3);
  assert.equal(patternValue({ [String.raw`^model\.layers\.1\..*`]: 2 }, path, 4), 2);
  const config = {
    r: 4,
    rankPattern: { down_proj: 16 },
    loraAlpha: 8,
    alphaPattern: { gate_proj: 1 },
    useRslora: false,
  };
  assert.equal(rankOf(config, path), 16);
  assert.equal(scaleOf(config, path), 0.5);
  assert.equal(scaleOf({ ...config, useRslora: true }, path), 2);
  assert.equal(scaleOf(config, 'model.layers.0.mlp.gate_proj'), 0.25);
});

/** The defaults adapter with its tensors changed. */
async function changed(name: string, change: (tensors: Map<string, TensorSource>) => void): Promise<string> {
  const folder = join(root, name);
  await cp(join(fixtures, 'lora/defaults'), folder, { recursive: true });
  const path = join(folder, 'adapter_model.safetensors');
  const { tensors } = await readSafetensors(memoryFile(path, await readFile(path)));
  const copy = new Map(tensors);
  change(copy);
  const chunks: Uint8Array[] = [];
  for await (const chunk of safetensorsBytes(copy.values())) chunks.push(chunk.slice());
  await writeFile(path, concat(chunks));
  return folder;
}

const some = (storage: 'f32' | 'i32', shape: number[], value: number): TensorSource => {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value);
  return memorySource('t', shape, storage, new Uint8Array(values.buffer));
};

test('missing, unknown, mis-shaped and non-finite tensors are errors that name them', async () => {
  const A = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
  const B = A.replace('lora_A', 'lora_B');
  const put = (name: string, source: TensorSource) => (tensors: Map<string, TensorSource>) =>
    tensors.set(name, { ...source, name });
  const cases: [string, (tensors: Map<string, TensorSource>) => void, RegExp][] = [
    [
      'missing',
      (tensors) => tensors.delete(B),
      /adapter_model\.safetensors: expected tensor .*q_proj\.lora_B\.weight, which its config asks for, but found none/,
    ],
    [
      'unknown',
      put('base_model.model.lm_head.weight', some('f32', [2, 2], 1)),
      /tensor base_model\.model\.lm_head\.weight: expected a module of this model that its config names/,
    ],
    ['rank', put(A, some('f32', [3, 32], 1)), /q_proj\.lora_A\.weight: expected shape \[8, 32\] but found \[3, 32\]/],
    ['axes', put(B, some('f32', [32], 1)), /q_proj\.lora_B\.weight: expected shape \[32, 8\] but found \[32\]/],
    ['nan', put(A, some('f32', [8, 32], NaN)), /q_proj\.lora_A\.weight: expected finite values but found NaN at 0/],
    ['infinite', put(A, some('f32', [8, 32], -Infinity)), /found -Infinity at 0/],
    ['integers', put(A, some('i32', [8, 32], 1)), /q_proj\.lora_A\.weight but found i32/],
  ];
  for (const [name, change, message] of cases)
    await assert.rejects(readAdapter(await changed(name, change), model, noBase), message);
});

test('an adapter for another model is refused with the tensor', async () => {
  const folder = join(fixtures, 'lora/defaults');
  const read = (changes: Record<string, unknown>) =>
    readAdapter(folder, languageModel({ ...modelConfig, ...changes }), noBase);
  await assert.rejects(
    read({ num_attention_heads: 8, num_key_value_heads: 4 }),
    /q_proj\.lora_B\.weight: expected shape \[64, 8\] but found \[32, 8\]/,
  );
  await assert.rejects(
    read({ num_hidden_layers: 3 }),
    /expected tensor .*layers\.2\.self_attn\.q_proj\.lora_A\.weight, which its config asks for/,
  );
  await assert.rejects(read({ num_hidden_layers: 1 }), /layers\.1\..*: expected a module of this model/);
  const file = join(root, 'defaults/adapter_config.json');
  const { target_modules: _, ...config } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify(config));
  const { adapter } = await readAdapter(
    join(root, 'defaults'),
    languageModel({ ...modelConfig, num_hidden_layers: 3 }),
    noBase,
  );
  assert.equal(adapter.parameters.length, 8, 'without target_modules the tensors say which');
});

test('a folder that is no adapter is refused', async () => {
  await assert.rejects(
    readPeftFolder(join(fixtures, 'models/default')),
    /expected an adapter folder with adapter_config\.json/,
  );
});
