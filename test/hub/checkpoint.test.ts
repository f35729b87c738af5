import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { readCheckpointTokenizer } from '../../src/hub/checkpoint-tokenizer.ts';
import { writeFileAtomic } from '../../src/hub/files.ts';
import { readPeftFolder } from '../../src/hub/peft.ts';
import { safetensorsBytes } from '../../src/hub/safetensors.ts';
import { writeCheckpoint } from '../../src/hub/writeCheckpoint.ts';
import { f32Source, type TensorSource } from '../../src/runtime/tensor-source.ts';

const models = fileURLToPath(new URL('../fixtures/models', import.meta.url));
const root = await mkdtemp(join(tmpdir(), 'tuneloop-checkpoint-'));
after(() => rm(root, { recursive: true }));

async function copyOf(model: string, name: string): Promise<string> {
  const folder = join(root, name);
  await cp(join(models, model), folder, { recursive: true });
  return folder;
}

async function fingerprintAt(path: string): Promise<string> {
  const checkpoint = await openCheckpoint(path);
  const found = await checkpoint.fingerprint();
  await checkpoint.close();
  return found;
}

test('one file and its three shards are the same checkpoint', async () => {
  const sharded = await openCheckpoint(join(models, 'sharded'));
  assert.equal(sharded.tokenizer, undefined);
  assert.equal(sharded.config['model_type'], 'llama');
  assert.ok(sharded.generationConfig);
  const folder = await copyOf('sharded', 'joined');
  await rm(join(folder, 'model.safetensors.index.json'));
  await writeFileAtomic(join(folder, 'model.safetensors'), safetensorsBytes(sharded.tensors.values()));
  const joined = await openCheckpoint(folder);
  assert.deepEqual([...joined.tensors.keys()].sort(), [...sharded.tensors.keys()].sort());
  assert.equal(await joined.fingerprint(), await sharded.fingerprint());
  await Promise.all([joined.close(), sharded.close()]);
});

test('the fingerprint changes with one bit of one weight, and with a name', async () => {
  const folder = await copyOf('default', 'changed');
  const path = join(folder, 'model.safetensors');
  const before = await fingerprintAt(folder);
  assert.equal(await fingerprintAt(folder), before);
  const bytes = await readFile(path);
  bytes[bytes.length - 1000] = (bytes[bytes.length - 1000] ?? 0) ^ 1;
  await writeFile(path, bytes);
  assert.notEqual(await fingerprintAt(folder), before);
  const checkpoint = await openCheckpoint(join(models, 'default'));
  const renamed: TensorSource[] = [...checkpoint.tensors.values()].map((source) => ({
    ...source,
    name: `x.${source.name}`,
  }));
  await writeFileAtomic(path, safetensorsBytes(renamed));
  await checkpoint.close();
  assert.notEqual(await fingerprintAt(folder), before);
});

test('a broken index is refused with shard and tensor', async () => {
  const folder = await copyOf('sharded', 'broken');
  const path = join(folder, 'model.safetensors.index.json');
  const index = JSON.parse(await readFile(path, 'utf8')) as { weight_map: Record<string, unknown> };
  const withMap = async (change: Record<string, unknown>): Promise<string> => {
    await writeFile(path, JSON.stringify({ ...index, weight_map: { ...index.weight_map, ...change } }));
    return folder;
  };
  const norm = 'model.norm.weight';
  await assert.rejects(
    openCheckpoint(await withMap({ [norm]: 'model-00009-of-00009.safetensors' })),
    /Cannot read .*00009-of-00009\.safetensors: it does not exist/,
  );
  await assert.rejects(
    openCheckpoint(await withMap({ gone: index.weight_map[norm] })),
    /expected tensor gone, as the index says, but found none/,
  );
  await assert.rejects(
    openCheckpoint(await withMap({ [norm]: '../default/model.safetensors' })),
    /index\.json: expected a file inside the folder/,
  );
  await assert.rejects(
    openCheckpoint(await withMap({ [norm]: 7 })),
    /weight_map\.model\.norm\.weight: expected a file name but found 7/,
  );
  await writeFile(path, '{"metadata": {}}');
  await assert.rejects(openCheckpoint(folder), /weight_map: expected an object but found nothing/);
});

test('a tensor that only a shard knows still counts', async () => {
  const folder = await copyOf('sharded', 'extra');
  const path = join(folder, 'model.safetensors.index.json');
  const index = JSON.parse(await readFile(path, 'utf8')) as { weight_map: Record<string, string> };
  const total = Object.keys(index.weight_map).length;
  delete index.weight_map['model.norm.weight'];
  await writeFile(path, JSON.stringify(index));
  const checkpoint = await openCheckpoint(folder);
  assert.equal(checkpoint.tensors.size, total);
  await checkpoint.close();
});

test('what is no checkpoint is refused with a hint', async () => {
  const folder = join(root, 'empty');
  await mkdir(folder);
  await assert.rejects(openCheckpoint(folder), /empty: expected a checkpoint folder with config\.json but found none$/);
  await writeFile(join(folder, 'adapter_config.json'), '{}');
  await assert.rejects(openCheckpoint(folder), /it holds an adapter/);
  await writeFile(join(folder, 'config.json'), '{}');
  await writeFile(join(folder, 'w.gguf'), '');
  await assert.rejects(
    openCheckpoint(folder),
    /expected model\.safetensors or .*; to open its GGUF file, give .*w\.gguf/,
  );
  await assert.rejects(
    openCheckpoint(join(folder, 'w.gguf')),
    /w\.gguf: expected \d+ bytes of header at 0 but the file ends at 0/,
  );
  await rm(join(folder, 'w.gguf'));
  await rm(join(folder, 'adapter_config.json'));
  await assert.rejects(readPeftFolder(folder), /found none; it holds a whole model/);
  await writeFile(join(folder, 'metrics.jsonl'), '');
  await mkdir(join(folder, 'adapter'));
  await assert.rejects(readPeftFolder(folder), /it is a run, whose adapter is .*adapter/);
  await assert.rejects(openCheckpoint(folder), /it is a run: give its base model here and .*adapter as the adapter/);
  await mkdir(join(folder, 'model'));
  await assert.rejects(openCheckpoint(folder), /it is a run, whose model is .*model/);
  await rm(join(folder, 'metrics.jsonl'));
  await writeFile(join(folder, 'pytorch_model.bin'), '');
  await assert.rejects(openCheckpoint(folder), /pickled pytorch_model\.bin/);
  await assert.rejects(openCheckpoint(join(root, 'nowhere')), /nowhere: .*found nothing/);
  await assert.rejects(openCheckpoint(join(folder, 'config.json')), /found a file of another kind/);
  await writeFile(join(folder, 'config.json'), '[]');
  await assert.rejects(openCheckpoint(folder), /config\.json: expected an object but found \[\]/);
});

test('chat templates come from files of their own, else from tokenizer_config.json', async () => {
  const folder = await copyOf('default', 'templates');
  await writeFile(join(folder, 'tokenizer.json'), '{"version": "1.0"}');
  const templates = async (): Promise<unknown> => {
    const checkpoint = await openCheckpoint(folder);
    await checkpoint.close();
    return [checkpoint.tokenizer?.chatTemplate, checkpoint.tokenizer?.namedTemplates];
  };
  assert.deepEqual(await templates(), [undefined, {}]);
  const config = (value: unknown): Promise<void> =>
    writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: value }));
  await config('one');
  assert.deepEqual(await templates(), ['one', {}]);
  await config([
    { name: 'default', template: 'two' },
    { name: 'rag', template: 'three' },
  ]);
  assert.deepEqual(await templates(), ['two', { rag: 'three' }]);
  await writeFile(join(folder, 'chat_template.jinja'), 'four\n');
  await mkdir(join(folder, 'additional_chat_templates'));
  await writeFile(join(folder, 'additional_chat_templates', 'tool_use.jinja'), 'five');
  assert.deepEqual(await templates(), ['four\n', { tool_use: 'five' }]);
  await rm(join(folder, 'chat_template.jinja'));
  await rm(join(folder, 'additional_chat_templates'), { recursive: true });
  await config(7);
  await assert.rejects(templates(), /tokenizer_config\.json: chat_template: expected a text/);
});

test('further chat templates are carried along, by names that stay inside the folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tuneloop-'));
  const tokenizer = {
    tokenizerJson: { model: { type: 'BPE', vocab: { a: 0 }, merges: [] } },
    tokenizerConfig: {},
    chatTemplate: 'one',
    namedTemplates: { tool_use: 'two', rag: 'three' },
  };
  const source = f32Source('w', [1], Float32Array.of(1));
  await writeCheckpoint(join(folder, 'a'), [source], { config: {}, tokenizer });
  const read = await readCheckpointTokenizer(join(folder, 'a'));
  assert.deepEqual([read?.chatTemplate, read?.namedTemplates], ['one', { rag: 'three', tool_use: 'two' }]);
  const outside = { ...tokenizer, namedTemplates: { '../x': 'four' } };
  await assert.rejects(
    writeCheckpoint(join(folder, 'b'), [source], { config: {}, tokenizer: outside }),
    /chat template's name .* but found \.\.\/x/,
  );
  await rm(folder, { recursive: true });
});
