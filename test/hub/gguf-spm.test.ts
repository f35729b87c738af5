import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memoryFile } from '../../src/hub/byte-file.ts';
import { readGguf } from '../../src/hub/gguf.ts';
import { type GgufField, ggufBytes } from '../../src/hub/gguf-bytes.ts';
import { ggufTokenizer } from '../../src/hub/gguf-tokenizer.ts';
import { ggufTokenizerFields } from '../../src/hub/gguf-write-tokenizer.ts';
import { loadTokenizer, type Tokenizer } from '../../src/hub/tokenizer.ts';
import { openLlamaVocabulary, withoutLlama } from '../loop/llama-cpp.ts';
import { readFixture } from '../parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'tuneloop-spm-'));
after(() => rmSync(folder, { recursive: true }));

interface Json {
  added_tokens: object[];
  model: { vocab: Record<string, number>; merges: [string, string][]; [field: string]: unknown };
  [field: string]: unknown;
}

interface Kind {
  readonly name: string;
  readonly tokenizer: Json;
  readonly config: object;
  readonly cases: readonly { text: string; ids: number[]; decoded: string }[];
}

const { kinds } = readFixture('text/tokenizers-more.json') as { kinds: Kind[] };
const kindOf = (name: string): Kind => kinds.find((each) => each.name === name) ?? assert.fail(name);
const prefixed = { name: 'llama', ...(readFixture('text/tokenizer-sentencepiece.json') as Omit<Kind, 'name'>) };

const fieldsOf = (tokenizerJson: unknown, config: object): Map<string, GgufField> =>
  ggufTokenizerFields({ tokenizerJson, tokenizerConfig: config, namedTemplates: {} }, 500, null);

async function bytesOf(fields: ReadonlyMap<string, GgufField>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of ggufBytes(new Map([['general.architecture', { text: 'llama' }], ...fields]), []))
    chunks.push(chunk.slice());
  return Uint8Array.from(Buffer.concat(chunks));
}

async function readBack(fields: ReadonlyMap<string, GgufField>): Promise<Tokenizer> {
  const gguf = await readGguf(memoryFile('x.gguf', await bytesOf(fields)));
  return loadTokenizer(ggufTokenizer(gguf) ?? assert.fail());
}

for (const { name, tokenizer, config, cases } of [kindOf('gemma'), prefixed]) {
  test(`${name}: a GGUF of it reads back as transformers reads it`, async () => {
    const read = await readBack(fieldsOf(tokenizer, config));
    for (const { text, ids, decoded } of cases) {
      assert.deepEqual(read.encode(text), ids, JSON.stringify(text));
      assert.equal(read.decode(ids), decoded);
    }
  });

  test(`${name}: llama.cpp reads a GGUF of it as transformers does`, { skip: withoutLlama }, async () => {
    const path = join(folder, `${name}.gguf`);
    writeFileSync(path, await bytesOf(fieldsOf(tokenizer, config)));
    const own = loadTokenizer({ tokenizerJson: tokenizer, tokenizerConfig: config });
    const llama = await openLlamaVocabulary(path);
    try {
      for (const { text } of cases)
        assert.deepEqual(llama.tokenize(text), own.encode(text, { addSpecialTokens: false }), JSON.stringify(text));
    } finally {
      await llama.close();
    }
  });
}

test('runs of spaces that are tokens of their own are found in the text', async () => {
  const { tokenizer, config } = kindOf('gemma');
  const run = { id: 480, content: '▁▁▁', special: false, normalized: false, lstrip: false, rstrip: false };
  const fields = fieldsOf({ ...tokenizer, added_tokens: [...tokenizer.added_tokens, run] }, config);
  const read = await readBack(fields);
  assert.deepEqual(
    read.encode('a    b', { addSpecialTokens: false }).filter((id) => id === 480),
    [480],
  );
  assert.equal(read.decode([480]), '   ');
});

test('a vocabulary of any size is written', async () => {
  const texts = Array.from({ length: 200_000 }, (_, id) => `t${id}`);
  const { metadata } = await readGguf(memoryFile('x.gguf', await bytesOf(new Map([['tokens', { texts }]]))));
  assert.deepEqual(metadata.get('tokens'), texts);
});

test('what llama.cpp would join otherwise is refused by name', () => {
  const { tokenizer, config } = kindOf('gemma');
  const { model } = tokenizer;
  const refused = (changes: object, expected: RegExp): void =>
    assert.throws(() => fieldsOf({ ...tokenizer, ...changes }, config), expected);
  const merges = model.merges;
  refused({ model: { ...model, merges: merges.slice(1) } }, /model\.merges: llama\.cpp would join/);
  const [first = ['', ''], second = ['', '']] = merges;
  refused({ model: { ...model, merges: [first, second, first, ...merges.slice(2)] } }, /do not stand together/);
  refused({ model: { ...model, ignore_merges: true } }, /model\.ignore_merges/);
  const { '<0x41>': _, ...fewer } = model.vocab;
  refused({ model: { ...model, vocab: fewer } }, /needs the token <0x41>/);
  refused({ normalizer: { type: 'NFKC' } }, /normalizer: .* found \{"type":"NFKC"\}/);
  const { tokenizer: first3, config: settings } = kindOf('mistral');
  assert.throws(() => fieldsOf(first3, settings), /pre_tokenizer: .*"prepend_scheme":"first"/);
  const { tokenizer: unigram, config: others } = kindOf('unigram');
  assert.throws(() => fieldsOf(unigram, others), /a BPE with byte fallback, but found "Unigram"/);
});

test('a vocabulary that cannot be read is refused by name', async () => {
  const { tokenizer, config } = kindOf('gemma');
  const fields = fieldsOf(tokenizer, config);
  const without = new Map([...fields].filter(([key]) => key !== 'tokenizer.ggml.scores'));
  await assert.rejects(readBack(without), /x\.gguf: tokenizer\.ggml\.scores: expected 500 numbers/);
  const { texts } = fields.get('tokenizer.ggml.tokens') as { texts: readonly string[] };
  const changed = (from: string, to: string): Map<string, GgufField> =>
    new Map([...fields, ['tokenizer.ggml.tokens', { texts: texts.map((each) => (each === from ? to : each)) }]]);
  await assert.rejects(readBack(changed('<0x41>', 'xyz')), /expected <0x41> but found none/);
  await assert.rejects(readBack(changed('e', '\u{1F600}')), /expected every character of ".*e.*" to be a token/);
});
