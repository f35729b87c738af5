import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPattern } from '../../src/hub/pattern-limits.ts';
import { loadTokenizer } from '../../src/hub/tokenizer.ts';

const real = {
  'gpt-2': String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  'llama 3': String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  'qwen 2': String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  'gpt-4o': String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  'deepseek 3': String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  bloom: String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`,
  clip: String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  spaces: ' {2,}',
  digits: String.raw`\d{1,3}(?=(?:\d{3})*\b)`.replace('*', '{0,3}'),
};

for (const [name, pattern] of Object.entries(real)) {
  test(`the pattern of ${name} is run`, () => checkPattern(pattern, 'x'));
}

for (const [pattern, why] of [
  ['(a+)+$', /repeats a group/],
  ['(?:a|a)*b', /repeats a group/],
  ['(?:a+){2,9}b', /repeats a repetition/],
  ['(?:(?:a{1,200}))*', /repeats a group/],
  [String.raw`\s*\s*x`, /several repetitions in a row/],
  ['a*a*a*', /several repetitions in a row/],
  ['(?:a*|b)(?:a*|b)c', /several repetitions in a row/],
  ['(?:a*)(?:b|a*)(?:|a)c', /several repetitions in a row/],
  [String.raw`(a)\1`, /refers back/],
  ['(?=a*a*)b', /looks ahead/],
  ['a'.repeat(30_000), /at most 20000 characters/],
  ['('.repeat(100), /nested/],
] as const) {
  test(`${pattern.slice(0, 30)} is refused`, () => {
    assert.throws(
      () => checkPattern(pattern, 'tokenizer.json at pre_tokenizer'),
      (error: Error) =>
        error instanceof RangeError && error.message.startsWith('tokenizer.json at') && why.test(error.message),
    );
  });
}

test('a tokenizer with such a pattern is refused when it is loaded', () => {
  const pattern = { Regex: '(x+x+)+y' };
  const json = {
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern, behavior: 'Isolated', invert: false }],
    },
  };
  assert.throws(() => loadTokenizer({ tokenizerJson: json }), /pre_tokenizer\.pretokenizers\[0\]\.pattern.*is refused/);
});
