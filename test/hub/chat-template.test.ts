import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compileChatTemplate } from '../../src/hub/chat-template.ts';
import { type Json, parseJson, pythonFloat, pythonRepr, pythonStrip } from '../../src/hub/python-text.ts';

type Made = { variables: string; cases: { name: string; template: string; text: string }[] };
const made = JSON.parse(readFileSync(new URL('../fixtures/text/templates.json', import.meta.url), 'utf8')) as Made;
const variables = parseJson(made.variables) as { [name: string]: Json };

for (const { name, template, text } of made.cases) {
  test(`template ${name} renders as in transformers`, () => {
    const messages = [{ role: 'user', content: 'x' }];
    assert.equal(compileChatTemplate(template).render({ ...variables, messages }).text, text);
  });
}

const render = (template: string, given: { [name: string]: Json } = {}): string =>
  compileChatTemplate(template).render(given).text;

test('generation blocks give the spans of their text', () => {
  const template = compileChatTemplate(
    '{% for m in ms %}<{%- generation -%} {{ m }} {%- endgeneration %}>{% endfor %}',
  );
  assert.ok(template.hasGeneration);
  const { text, spans } = template.render({ ms: ['one', 'three'] });
  assert.equal(text, '<one><three>');
  assert.deepEqual(
    spans.map(({ start, end }) => text.slice(start, end)),
    ['one', 'three'],
  );
  assert.ok(!compileChatTemplate('{{ generation }}').hasGeneration);
});

test('a template may raise, and its message is kept', () => {
  assert.throws(() => render("{{ raise_exception('roles must alternate') }}"), /Chat template: roles must alternate/);
  assert.throws(() => render('{{ missing.field }}'), /undefined/);
  assert.throws(() => render("{{ 'a' + 1 }}"), /cannot add/);
  assert.throws(() => compileChatTemplate('{% if %}'), SyntaxError);
  assert.throws(() => compileChatTemplate('{% break %}'), /outside of a loop/);
});

test('the clock is Python’s strftime in the C locale', () => {
  const now = (): Date => new Date(2024, 6, 4, 15, 5, 9);
  const { text } = compileChatTemplate("{{ strftime_now('%d %b %Y|%-d %B %y %A %a|%H:%M:%S %I %p %j %%|%F %T') }}", {
    now,
  }).render({});
  assert.equal(text, '04 Jul 2024|4 July 24 Thursday Thu|15:05:09 03 PM 186 %|2024-07-04 15:05:09');
  assert.throws(() => render("{{ strftime_now('%Q') }}"), RangeError);
});

test('a hostile template ends with an error, soon', () => {
  const hostile = [
    '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}',
    '{% for i in range(100001) %}{% endfor %}',
    "{% set ns = namespace(x='xxxx') %}{% for i in range(200) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
    '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == ns.x + [] }}{{ ns.x | tojson }}',
    '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
    "{% for i in range(99999) %}{{ 'x' * 9 }}{% endfor %}",
    '{% set ns = namespace() %}{% set ns.x = ns %}{{ ns | tojson }}',
    '{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}',
    "{{ '' | indent(2000000000) }}{{ 'x\n' | indent(900000000, true) }}",
  ];
  for (const template of hostile) assert.throws(() => render(template), /Chat template: /, template);
  assert.throws(() => compileChatTemplate(' '.repeat(5000)), RangeError);
  assert.throws(() => compileChatTemplate('x'.repeat(2 << 20)), RangeError);
  assert.throws(() => compileChatTemplate(`{{ ${'('.repeat(50_000)}1 }}`), /Chat template/);
});

test('a template that works long on few long texts is stopped by time', () => {
  const twice = '{% set ns = namespace(s="ab") %}{% for i in range(20) %}{% set ns.s = ns.s + ns.s %}{% endfor %}';
  const begun = performance.now();
  for (const work of ['ns.s[::-1]', 'ns.s.strip(" a")', 'ns.s.split(",")', 'ns.s.find("bb")']) {
    const source = `${twice}{% for i in range(100000) %}{% set x = ${work} %}{% endfor %}`;
    const template = compileChatTemplate(source, { maxMs: 100 });
    assert.throws(() => template.render({}), /Chat template: took (longer than 100 ms|more than)/, work);
  }
  assert.ok(performance.now() - begun < 10_000);
});

test('a template reaches nothing of the host', () => {
  for (const name of ['constructor', '__proto__', 'toString', '__class__']) {
    assert.equal(
      render(`{{ messages.${name} is defined }}{{ x.${name} is defined }}{{ ''.${name} is defined }}`, {
        messages: [],
        x: {},
      }),
      'FalseFalseFalse',
    );
  }
  assert.equal(
    render('{{ process is defined }}{{ globalThis is defined }}{{ require is defined }}'),
    'FalseFalseFalse',
  );
  const own = parseJson('{"__proto__": {"polluted": 1}, "constructor": 2}') as { [name: string]: Json };
  assert.equal(render('{{ x | tojson }}', { x: own }), '{"__proto__": {"polluted": 1}, "constructor": 2}');
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('numbers and strings are written as by Python', () => {
  const floats: [number, string][] = [
    [1, '1.0'],
    [0.1, '0.1'],
    [1e-7, '1e-07'],
    [1e16, '1e+16'],
    [123456789012345680, '1.2345678901234568e+17'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [-2.5e-10, '-2.5e-10'],
    [5e-324, '5e-324'],
    [9007199254740992, '9007199254740992.0'],
    [-0, '-0.0'],
    [Infinity, 'inf'],
  ];
  for (const [value, text] of floats) assert.equal(pythonFloat(value), text);
  assert.equal(pythonRepr(`a'b"\n\u00e9\u200b\u00a0\u{1f600}`), `'a\\'b"\\n\u00e9\\u200b\\xa0\u{1f600}'`);
  assert.equal(pythonRepr("it's"), `"it's"`);
  assert.equal(pythonStrip('\u001c\u0085 x\ufeff ', 'both'), 'x\ufeff');
  assert.equal(pythonStrip('😀x😀', 'both', '😀'), 'x');
  assert.deepEqual(parseJson('{"a": [1.0, 2e3, 3]}'), { a: [1, 2000, 3] });
});
