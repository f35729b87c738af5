import assert from 'node:assert/strict';
import { test } from 'node:test';
import { violation } from '../../tools/lint/layers.ts';

test('a folder imports from its own files and from the rows above it', () => {
  assert.equal(violation('src/ir/ops/add.ts', '../graph.ts'), undefined);
  assert.equal(violation('src/ir/ops/add.ts', './sub.ts'), undefined);
  assert.equal(violation('src/nn/models/llama.ts', '../../ir/graph.ts'), undefined);
  assert.equal(violation('src/cli/main.ts', '../loop/train.ts'), undefined);
  assert.equal(violation('src/objectives/sft.ts', '../hub/tokenizer.ts'), undefined);
  assert.equal(violation('src/index.ts', './cli/main.ts'), undefined);
  assert.equal(violation('src/hub/schema.ts', 'zod'), undefined);
});

test('a folder does not import from the rows below it', () => {
  assert.match(
    violation('src/ir/graph.ts', '../runtime/store.ts') ?? '',
    /src\/ir\/ may not import src\/runtime\/.*below/,
  );
  assert.match(violation('src/nn/models/llama.ts', '../../hub/config.ts') ?? '', /below/);
  assert.match(violation('src/runtime/node/ort.ts', '../../loop/train.ts') ?? '', /below/);
});

test('neighbours on one row do not import each other', () => {
  assert.match(
    violation('src/data/mask.ts', '../rewards/exact.ts') ?? '',
    /src\/data\/ may not import src\/rewards\/.*beside/,
  );
  assert.match(violation('src/cli/main.ts', '../serve/http.ts') ?? '', /beside/);
});

test('unknown folders and files outside of src/ are refused', () => {
  assert.match(violation('src/utils/misc.ts', '../ir/graph.ts') ?? '', /not a layer/);
  assert.match(violation('src/nn/linear.ts', '../index.ts') ?? '', /no layer/);
  assert.match(violation('src/nn/linear.ts', '../../tools/build.ts') ?? '', /outside/);
  assert.equal(violation('test/nn/linear.test.ts', '../../tools/build.ts'), undefined);
});

test('modules of Node are imported in the places for them only', () => {
  for (const file of [
    'runtime/node/ort.ts',
    'runtime/node-files.ts',
    'hub/files.ts',
    'hub/files-node.ts',
    'hub/node/cache.ts',
    'cli/main.ts',
    'serve/http.ts',
  ]) {
    assert.equal(violation(`src/${file}`, 'node:fs'), undefined, file);
  }
  for (const file of ['runtime/store.ts', 'hub/gguf.ts', 'loop/checkpoint.ts', 'hub/gguf/files.ts', 'index.ts']) {
    assert.match(violation(`src/${file}`, 'node:fs/promises') ?? '', /only in src\/runtime\/node/, file);
    assert.match(violation(`src/${file}`, 'fs') ?? '', /only in/, file);
    assert.match(violation(`src/${file}`, 'koffi') ?? '', /only in/, file);
  }
});
