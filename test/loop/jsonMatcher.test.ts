import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomService } from '../../src/runtime/random.ts';
import { randomKey } from '../../src/ir/random.ts';
import { jsonMatcher } from '../../src/loop/jsonMatcher.ts';
import { anyJson, anyJsonObject, jsonRule } from '../../src/loop/jsonSchema.ts';

async function uniforms(name: string, count: number): Promise<Float32Array> {
  const values = new Float32Array(count);
  await randomService().fillUniform(values, randomKey(1, name));
  return values;
}

const isWhole = (rule: Parameters<typeof jsonMatcher>[0], text: string): boolean =>
  jsonMatcher(rule).advance(text)?.complete === true;

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test('a text is whole exactly where JSON.parse takes it', async () => {
  const alphabet = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    'a',
    '\\',
    'n',
    'u',
    '0',
    '1',
    '-',
    '.',
    'e',
    '+',
    ' ',
    'true',
    'null',
  ];
  const draws = await uniforms('json texts', 400_000);
  let whole = 0;
  for (let i = 0; i + 8 < draws.length; i += 8) {
    const length = 1 + Math.floor((draws[i] ?? 0) * 7);
    const text = Array.from({ length }, (_, j) => alphabet[Math.floor((draws[i + 1 + j] ?? 0) * alphabet.length)]).join(
      '',
    );
    if (text.endsWith(' ')) continue;
    assert.equal(isWhole(anyJson, text), parses(text), JSON.stringify(text));
    if (parses(text)) whole++;
  }
  assert.ok(whole > 500, `${whole} whole texts`);
});

test('every beginning of a JSON text may go on, and one that may not has no whole continuation', () => {
  const texts = [
    '{"a": [1, -2.5e+3, {"bé": "\\u00e9\\"x\\n"}], "c": null, "d": true}',
    '[[], {}, "", 0, 0.5]',
    '-12',
    '"ü 😀"',
  ];
  for (const text of texts) {
    for (let end = 0; end <= text.length; end++) {
      const cut = text.slice(0, end);
      if (/[\uD800-\uDBFF]$/.test(cut)) continue;
      assert.ok(jsonMatcher(anyJson).advance(cut), cut);
    }
    assert.ok(isWhole(anyJson, text));
    assert.equal(jsonMatcher(anyJson).advance(`${text}x`), undefined);
  }
  assert.equal(jsonMatcher(anyJsonObject).advance('['), undefined);
  assert.equal(jsonMatcher(anyJson).advance(`[${' '.repeat(17)}`), undefined, 'whitespace is bounded');
});

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 5 },
    age: { type: 'integer' },
    tags: { type: 'array', items: { enum: ['x', 'yy', 3] }, minItems: 1, maxItems: 2 },
    next: { anyOf: [{ type: 'null' }, { $ref: '#' }] },
  },
  required: ['name', 'age'],
  additionalProperties: false,
};

test('a schema: what fits is whole, what does not is not', () => {
  const rule = jsonRule(schema);
  const fitting = [
    { name: 'Ana', age: 3 },
    { age: -1, name: '😀' },
    { name: 'a', age: 0, tags: ['x'] },
    { name: 'a', age: 0, tags: ['yy', 3], next: null },
    { name: 'a', age: 0, next: { name: 'b', age: 1, next: null } },
  ];
  for (const value of fitting) {
    assert.ok(isWhole(rule, JSON.stringify(value)), JSON.stringify(value));
    assert.ok(isWhole(rule, JSON.stringify(value, null, 2)), 'with line breaks');
  }
  const unfit = [
    { name: 'Ana' },
    { name: '', age: 1 },
    { name: 'abcdef', age: 1 },
    { name: 'a', age: 1.5 },
    { name: 'a', age: 1, tags: [] },
    { name: 'a', age: 1, tags: ['x', 'x', 'x'] },
    { name: 'a', age: 1, tags: ['z'] },
    { name: 'a', age: 1, other: 1 },
    { name: 'a', age: 1, next: {} },
    [],
  ];
  for (const value of unfit) assert.ok(!isWhole(rule, JSON.stringify(value)), JSON.stringify(value));
  assert.ok(!isWhole(rule, '{"name":"a","name":"b","age":1}'), 'a key twice');
});

test('open objects, types in a list, const and nothing but enum', () => {
  assert.ok(isWhole(jsonRule({ type: 'object' }), '{"any":[1]}'));
  assert.ok(isWhole(jsonRule({ type: 'object', additionalProperties: { type: 'number' } }), '{"a":1,"b":2}'));
  assert.ok(!isWhole(jsonRule({ type: 'object', additionalProperties: { type: 'number' } }), '{"a":"x"}'));
  assert.ok(isWhole(jsonRule({ type: ['string', 'null'] }), 'null'));
  assert.ok(isWhole(jsonRule({ const: { a: [1] } }), '{"a":[1]}'));
  assert.ok(isWhole(jsonRule(true), '12'));
  assert.equal(jsonMatcher(jsonRule({ enum: [1, 12] })).advance('1')?.final, false);
  assert.equal(jsonMatcher(jsonRule({ enum: ['a'] })).advance('"a"')?.final, true);
});

test('what is not honoured is refused with its place', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ type: 'integer', minimum: 3 }, /#\/minimum: .*not honoured/],
    [{ type: 'object', properties: { a: { type: 'string', pattern: 'x' } } }, /#\/properties\/a\/pattern/],
    [{ type: 'objct' }, /#\/type: expected object, .* but found "objct"/],
    [{ type: 'object', required: ['a'] }, /expected a among the properties/],
    [{ $ref: '#/$defs/none' }, /expected a part of the schema/],
    [{ $ref: '#' }, /nothing but a reference to itself/],
    [{ $ref: 'https://example.org/s.json' }, /inside the schema/],
    [{ type: 'object', properties: { 'a"b': {} } }, /need no escapes/],
    [3, /expected a schema but found 3/],
    [{ type: 'array', minItems: -1 }, /whole number/],
  ];
  for (const [each, message] of refused) assert.throws(() => jsonRule(each), message);
});
