import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadTokenizer } from '../../src/hub/tokenizer.ts';
import { tokenStream } from '../../src/hub/token-stream.ts';

interface Kind {
  name: string;
  tokenizer: object;
  config: object;
  cases: { text: string; ids: number[]; decoded: string; plain: string }[];
  pairs: { pair: [string, string]; ids: number[]; types: number[] }[];
}

const { kinds } = JSON.parse(
  readFileSync(new URL('../fixtures/text/tokenizers-more.json', import.meta.url), 'utf8'),
) as { kinds: Kind[] };

for (const { name, tokenizer: tokenizerJson, config, cases, pairs } of kinds) {
  const tokenizer = loadTokenizer({ tokenizerJson, tokenizerConfig: config });
  test(`${name}: ids and texts of hard strings are transformers'`, () => {
    assert.ok(cases.length > 50);
    for (const { text, ids, decoded, plain } of cases) {
      assert.deepEqual(tokenizer.encode(text), ids, `ids of ${JSON.stringify(text)}`);
      assert.equal(tokenizer.decode(ids), decoded, `text of ${JSON.stringify(text)}`);
      assert.equal(tokenizer.decode(ids, { skipSpecialTokens: true }), plain, `plain text of ${JSON.stringify(text)}`);
      const stream = tokenStream(tokenizer);
      const streamed = ids.map((id) => stream.push(id)).join('') + stream.end();
      assert.equal(streamed, decoded, `streamed ${JSON.stringify(text)}`);
    }
  });
  test(`${name}: ids and token types of pairs are transformers'`, () => {
    for (const { pair, ids, types } of pairs) {
      const found = tokenizer.encodePair(...pair);
      assert.deepEqual([found.ids, found.tokenTypes], [ids, types], JSON.stringify(pair));
    }
  });
}
