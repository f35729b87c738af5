import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readExample, refuseJudged, supervisedFormats } from '../../src/data/formats.ts';
import { judgedFormats } from '../../src/data/preferences.ts';
import type { Row, RowFields } from '../../src/data/reader.ts';

const row = (fields: RowFields): Row => ({ index: 0, place: 'd.jsonl, line 1', fields });
const user = { role: 'user', content: 'q' };
const good = { role: 'assistant', content: 'a' };
const bad = { role: 'assistant', content: 'b' };
const read = (fields: RowFields) => readExample(row(fields), judgedFormats);

test('preference data, with the prompt and without, in TRL’s and OpenAI’s names', () => {
  const expected = { kind: 'preference', prompt: [user], chosen: [good], rejected: [bad] };
  assert.deepEqual(read({ prompt: [user], chosen: [good], rejected: [bad] }), expected);
  assert.deepEqual(read({ chosen: [user, good], rejected: [user, bad] }), expected);
  assert.deepEqual(
    read({ input: { messages: [user], tools: [] }, preferred_output: [good], non_preferred_output: [bad] }),
    { ...expected, tools: [] },
  );
  assert.deepEqual(read({ prompt: 'p', chosen: 'c', rejected: 'r' }), {
    kind: 'preference',
    prompt: 'p',
    chosen: 'c',
    rejected: 'r',
  });
  // The space before the word that differs goes with it.
  assert.deepEqual(read({ chosen: 'The sky is blue.', rejected: 'The sky is green.' }), {
    kind: 'preference',
    prompt: 'The sky is',
    chosen: ' blue.',
    rejected: ' green.',
  });
});

test('unpaired and stepwise data', () => {
  assert.deepEqual(read({ prompt: 'p', completion: 'c', label: false }), {
    kind: 'unpaired',
    prompt: 'p',
    completion: 'c',
    label: false,
  });
  assert.deepEqual(read({ prompt: 'p', completions: ['x', 'y'], labels: [true, false] }), {
    kind: 'stepwise',
    prompt: 'p',
    completions: ['x', 'y'],
    labels: [true, false],
  });
});

test('a field of the wrong kind is named', () => {
  const wrong: [RowFields, RegExp][] = [
    [{ prompt: 'p', chosen: 'c', rejected: [bad] }, /line 1: rejected: expected a string as chosen but found/],
    [{ chosen: 'a', rejected: 'b' }, /begin with a common prompt but found none/],
    [
      { input: [], preferred_output: [good], non_preferred_output: [bad] },
      /input: expected an object with messages but found \[\]/,
    ],
    [
      { input: { messages: 'x' }, preferred_output: [good], non_preferred_output: [bad] },
      /line 1: input: messages: expected a list of messages/,
    ],
    [
      { prompt: 'p', completions: ['x'], labels: [true, false] },
      /labels: expected 1 as there are completions but found 2/,
    ],
    [{ prompt: 'p', completions: 'x', labels: [true] }, /completions: expected a list of strings/],
    [{ prompt: 'p', completions: ['x'], labels: ['yes'] }, /labels: expected a list of true and false/],
  ];
  for (const [fields, message] of wrong) assert.throws(() => read(fields), message);
});

test('supervised training refuses what it would misuse and says what trains on it', () => {
  assert.throws(
    () => readExample(row({ prompt: 'p', chosen: 'c', rejected: 'r' }), supervisedFormats),
    /found prompt, chosen, rejected; that is preference data, which objectives such as dpo train on/,
  );
  assert.throws(
    () => readExample(row({ prompt: 'p' }), supervisedFormats),
    /that is prompts without answers, which objectives that sample answers, such as grpo, train on/,
  );
  assert.throws(
    () => refuseJudged(row({ prompt: 'p', completion: 'c', label: false })),
    /line 1: columns \{prompt, completion, label\} are unpaired preference data, which objectives such as kto train on/,
  );
  refuseJudged(row({ prompt: 'p', completion: 'c', label: 1 }));
  refuseJudged(row({ messages: [user, good] }));
});
