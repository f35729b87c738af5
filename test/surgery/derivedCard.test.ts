import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { cardLicense } from '../../src/hub/cardLicense.ts';
import { openCheckpoint } from '../../src/hub/checkpoint.ts';
import { derivedCard } from '../../src/surgery/derivedCard.ts';
import { exportGguf } from '../../src/surgery/exportGguf.ts';
import { mergeAdapter } from '../../src/surgery/merge.ts';
import { fixture } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-card-'));
after(() => rmSync(folder, { recursive: true }));

const snapshot = (name: string): string => `/hub/models--org--${name}/snapshots/${'a'.repeat(40)}`;
const fieldsOf = (card: string): unknown => parse(/^---\n([\s\S]*?)\n---/.exec(card)?.[1] ?? '');

test('a card names base, adapter, licence and how to load', () => {
  const language = { config: { model_type: 'llama' }, license: 'apache-2.0' };
  const merged = derivedCard(language, { model: snapshot('base'), adapter: snapshot('lora') });
  assert.deepEqual(fieldsOf(merged), {
    base_model: 'org/base',
    base_model_relation: 'finetune',
    library_name: 'transformers',
    pipeline_tag: 'text-generation',
    license: 'apache-2.0',
    tags: ['tuneloop'],
  });
  assert.match(merged, /of org\/base, with the adapter org\/lora merged into its weights\./);
  assert.match(merged, /AutoModelForCausalLM\.from_pretrained/);
  const classifier = { config: { model_type: 'bert', architectures: ['BertForSequenceClassification'] } };
  const onnx = derivedCard(classifier, { model: '/models/mine' }, 'q8');
  assert.deepEqual(fieldsOf(onnx), {
    library_name: 'transformers.js',
    pipeline_tag: 'text-classification',
    tags: ['tuneloop'],
  });
  assert.match(onnx, /# mine as ONNX \(q8\)/);
  assert.match(onnx, /pipeline\('text-classification', 'path\/to\/this\/folder', \{ dtype: 'q8' \}\)/);
});

test('a licence goes along when an adapter is merged, and into a GGUF and out of it', async () => {
  const base = join(folder, 'base');
  cpSync(fixture('models/chat'), base, { recursive: true });
  writeFileSync(join(base, 'README.md'), '---\nlicense: gemma\n---\n\n# A base\n');
  const bare = join(folder, 'bare');
  cpSync(fixture('models/default'), bare, { recursive: true });
  writeFileSync(join(bare, 'README.md'), '---\nlicense: mit\n---\n');
  await mergeAdapter({ model: bare, adapter: fixture('lora/all-linear'), out: join(folder, 'merged') });
  assert.equal(await cardLicense(join(folder, 'merged')), 'mit');
  assert.match(
    readFileSync(join(folder, 'merged', 'README.md'), 'utf8'),
    /of bare, with the adapter all-linear merged/,
  );
  const checkpoint = await openCheckpoint(base);
  const tokenizer = JSON.parse(readFileSync(fixture('text/tokenizer-sentencepiece.json'), 'utf8')) as {
    tokenizer: unknown;
    config: unknown;
  };
  const files = { tokenizerJson: tokenizer.tokenizer, tokenizerConfig: tokenizer.config, namedTemplates: {} };
  const config = { ...checkpoint.config, vocab_size: 400 };
  await exportGguf({ ...checkpoint, config, tokenizer: files }, join(folder, 'x.gguf'), { dtype: 'f16' });
  await checkpoint.close();
  const read = await openCheckpoint(join(folder, 'x.gguf'));
  await read.close();
  assert.equal(read.license, 'gemma');
});
