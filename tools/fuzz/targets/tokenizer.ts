import { readFileSync } from 'node:fs';
import { parseJson } from '../../../src/hub/json.ts';
import { loadTokenizer } from '../../../src/hub/tokenizer.ts';
import { pick } from '../draws.ts';
import { type Json, jsonFile } from '../json.ts';
import type { FuzzTarget } from '../target.ts';

const fixtures = new URL('../../../test/fixtures/', import.meta.url);
const read = (path: string): Json => JSON.parse(readFileSync(new URL(path, fixtures), 'utf8')) as Json;

type Files = { tokenizer: Json; config: Json };

/** The vocabulary cut to what is quick to build. */
function small({ tokenizer, config }: Files): Files {
  const { model, ...rest } = tokenizer as { [key: string]: Json };
  const { vocab, merges, ...kept } = model as { [key: string]: Json };
  const few = Array.isArray(vocab)
    ? vocab.slice(0, 80)
    : Object.fromEntries(Object.entries(vocab as object).slice(0, 80) as [string, Json][]);
  return {
    tokenizer: {
      ...rest,
      model: { ...kept, vocab: few, ...(Array.isArray(merges) ? { merges: merges.slice(0, 40) } : {}) },
    },
    config,
  };
}

const seeds: readonly Files[] = [
  ...['bytes', 'llama3', 'sentencepiece', 'wordpiece'].map(
    (kind) => read(`text/tokenizer-${kind}.json`) as unknown as Files,
  ),
  { tokenizer: read('models/chat/tokenizer.json'), config: read('models/chat/tokenizer_config.json') },
].map(small);

const texts = ['Hello, world 12', ' naïve  <s> \u{1f600}\n'];

export const tokenizerTarget: FuzzTarget = {
  name: 'tokenizer.json',
  weight: 20,
  says: 'tokenizer',
  caseOf: (draw) => {
    const { tokenizer, config } = pick(draw, seeds);
    const other = draw(4) === 0;
    const input = jsonFile(other ? config : tokenizer, draw);
    return {
      input,
      read: () => {
        const text = new TextDecoder().decode(input);
        const loaded = loadTokenizer(
          other
            ? { tokenizerJson: tokenizer, tokenizerConfig: parseJson(text, 'tokenizer_config.json') }
            : { tokenizerJson: parseJson(text, 'tokenizer.json'), tokenizerConfig: config },
        );
        for (const each of texts) {
          const ids = loaded.encode(each);
          loaded.decode(ids);
          loaded.encodePair(each, 'b', { maxLength: 200 });
        }
      },
    };
  },
};
