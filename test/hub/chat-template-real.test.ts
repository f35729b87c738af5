import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compileChatTemplate } from '../../src/hub/chat-template.ts';
import { type Json, parseJson } from '../../src/hub/python-text.ts';

interface Made {
  chats: { messages: Json; tools?: boolean; prompt: boolean }[];
  tools: Json;
  templates: {
    name: string;
    template: string;
    cases: { text?: string; spans?: [number, number][]; error?: string }[];
  }[];
}

// parseJson keeps 1.0 apart from 1, as Python does.
const made = parseJson(
  readFileSync(new URL('../fixtures/text/templates-real.json', import.meta.url), 'utf8'),
) as unknown as Made;

for (const { name, template, cases } of made.templates) {
  test(`the published template ${name} renders chats, tools and tool calls as transformers does`, () => {
    assert.equal(cases.length, made.chats.length);
    const compiled = compileChatTemplate(template);
    for (const [index, { text, spans = [], error }] of cases.entries()) {
      const { messages, tools = false, prompt } = made.chats[index] ?? assert.fail();
      const variables = {
        messages,
        tools: tools ? made.tools : null,
        documents: null,
        add_generation_prompt: prompt,
        bos_token: '<s>',
        eos_token: '</s>',
      };
      if (text === undefined) {
        assert.throws(() => compiled.render(variables), /Chat template: /, error);
        continue;
      }
      const rendered = compiled.render(variables);
      assert.equal(withoutDate(rendered.text), withoutDate(text), `chat ${index}`);
      // Python counts characters, JavaScript UTF-16 units.
      const characters = (end: number): number => Array.from(rendered.text.slice(0, end)).length;
      assert.deepEqual(
        rendered.spans.map(({ start, end }) => [characters(start), characters(end)]),
        spans,
      );
    }
  });
}

/** Dates are the day's on which the fixture was made. */
function withoutDate(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\d|\d\d [A-Z][a-z]{2} \d{4}/g, 'DATE');
}
