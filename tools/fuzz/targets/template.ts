import { readFileSync } from 'node:fs';
import { compileChatTemplate } from '../../../src/hub/chat-template.ts';
import { type Draw, pick } from '../draws.ts';
import type { FuzzTarget } from '../target.ts';

const real = (
  JSON.parse(readFileSync(new URL('../../../test/fixtures/text/templates-real.json', import.meta.url), 'utf8')) as {
    templates: { [name: string]: unknown };
  }
).templates;

/** The texts inside of a fixture that are templates. */
const textsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? value.includes('{%')
      ? [value]
      : []
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : [];

const seeds = [
  ...textsIn(real),
  "{% for m in messages %}{{ m['role'] + ': ' + m.content | trim }}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
  '{% set ns = namespace(x=0) %}{% macro f(a, b=1) %}{{ a ~ b }}{% endmacro %}{% for i in range(5) if i is odd %}{% set ns.x = ns.x + i %}{{ f(i) }}{{ loop.index }}{% endfor %}{{ ns.x }}',
];

const pieces = [
  '{% for a in range(100000) %}',
  '{% for b in messages %}',
  '{% endfor %}',
  '{% set x = x ~ x %}',
  '{% set x = "a" * 100000000 %}',
  '{{ [1, 2] * 100000 }}',
  '{{ messages | tojson(indent=100000) }}',
  '{{ "%s" | format(x) }}',
  '{{ x.__class__.__init__ }}',
  '{{ messages.constructor }}',
  '{{ raise_exception("no") }}',
  '{{ strftime_now("%Y") }}',
  '{{ range(10, 0, -1) | list }}',
  '{{ (((((((((1))))))))) }}',
  '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
  '{% if true %}',
  '{% else %}',
  '{% endif %}',
  '{% break %}',
  '{%- generation -%}',
  '{% endgeneration %}',
  '{{ messages[::-1][0]["content"].split("") }}',
  '{{ "a" | replace("", "b") | upper | indent(1000000) }}',
  '{{ undefined.x.y }}',
  '{{ messages | map(attribute="role") | join(",") | sort }}',
  '{#',
  '#}',
  '}}',
  '{{',
  '| length',
  '\u{1f600}',
];

function inputOf(draw: Draw): string {
  let text = draw(6) === 0 ? '' : pick(draw, seeds);
  for (let count = draw(2) === 0 ? 1 : 1 + draw(4); count > 0; count--) {
    const at = draw(text.length + 1);
    const to = at + draw(30);
    const kind = draw(6);
    if (kind < 3) text = text.slice(0, at) + pick(draw, pieces) + text.slice(at);
    else if (kind === 3) text = text.slice(0, at) + text.slice(to);
    else if (kind === 4) text = text.slice(0, to) + text.slice(at);
    else
      text =
        text.slice(0, at) +
        pick(draw, [
          '(',
          ')',
          '[',
          ']',
          '.',
          '|',
          '-',
          '"',
          "'",
          '%}',
          '{%',
          '\0',
          ' if ',
          ' is ',
          '*',
          '9'.repeat(30),
        ]) +
        text.slice(at + 1);
  }
  return text;
}

const messages = [
  { role: 'system', content: 'be kind' },
  { role: 'user', content: 'hi {{ x }}' },
  {
    role: 'assistant',
    content: 'hello',
    tool_calls: [{ type: 'function', function: { name: 'f', arguments: { a: 1 } } }],
  },
];

export const templateTarget: FuzzTarget = {
  name: 'chat template',
  weight: 5,
  says: 'Chat template',
  caseOf: (draw) => {
    const input = inputOf(draw);
    return {
      input,
      read: () => {
        // Limits of a twentieth of the usual ones: the same paths, sooner.
        const limits = { maxChars: 1 << 20, maxSteps: 250_000, maxMs: 250 };
        compileChatTemplate(input, limits).render({
          messages,
          tools: null,
          x: 'x',
          add_generation_prompt: true,
          bos_token: '<s>',
        });
      },
    };
  },
};
