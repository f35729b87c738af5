import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTokenizer } from '../../src/loop/openTokenizer.ts';

test('a folder needs only its tokenizer files, and says when it has none', async (context) => {
  const chat = fileURLToPath(new URL('../fixtures/models/chat', import.meta.url));
  const tokenizer = await openTokenizer(chat);
  assert.deepEqual(tokenizer.encode('The cat sat'), [54, 259, 279, 281]);
  assert.deepEqual(tokenizer.eosTokenIds, [2]);
  const folder = mkdtempSync(join(tmpdir(), 'tuneloop-tokenizer-'));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'config.json'), '{}');
  await assert.rejects(openTokenizer(folder), /expected a tokenizer \(tokenizer\.json\) but found none/);
  await assert.rejects(
    openTokenizer(join(folder, 'none')),
    /expected a checkpoint folder, a \.gguf file or a Hugging Face id \(org\/name\) but found nothing/,
  );
});
