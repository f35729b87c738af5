import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textStream } from '../../src/loop/stopStrings.ts';

/** Pieces that a stream gives when the text comes in steps. */
function pieces(
  steps: readonly string[],
  stops: readonly string[],
): { given: string[]; stoppedBy: string | undefined } {
  const stream = textStream(stops);
  const given = steps.map((step) => stream.push(step));
  given.push(stream.flush());
  assert.equal(given.join(''), stream.text());
  return { given, stoppedBy: stream.stoppedBy() };
}

test('text comes piece by piece', () => {
  assert.deepEqual(pieces(['a', 'ab', 'abc'], []), { given: ['a', 'b', 'c', ''], stoppedBy: undefined });
});

test('a stop string is cut off, also when it comes in pieces, and what only looks like one is given late', () => {
  assert.deepEqual(pieces(['x', 'x\n', 'x\n\n', 'x\n\nQ'], ['\n\nQ']), {
    given: ['x', '', '', '', ''],
    stoppedBy: '\n\nQ',
  });
  assert.deepEqual(pieces(['x', 'x\n', 'x\ny'], ['\n\n']), { given: ['x', '', '\ny', ''], stoppedBy: undefined });
  assert.deepEqual(pieces(['x', 'x\n'], ['\n\n']), { given: ['x', '', '\n'], stoppedBy: undefined });
});

test('of several stop strings the earliest ends the text', () => {
  assert.deepEqual(pieces(['one END two STOP'], ['STOP', 'END']), { given: ['one ', ''], stoppedBy: 'END' });
});

test('half a character waits for its other half', () => {
  assert.deepEqual(pieces(['a\uFFFD', 'a\uFFFD\uFFFD', 'aé'], []), { given: ['a', '', 'é', ''], stoppedBy: undefined });
  assert.deepEqual(pieces(['a\uFFFD'], []), { given: ['a', '\uFFFD'], stoppedBy: undefined });
});
