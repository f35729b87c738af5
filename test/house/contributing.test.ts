import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Lines of the indented block that follows a sentence. */
function blockAfter(sentence: string): string[] {
  const text = read('CONTRIBUTING.md');
  const start = text.indexOf(sentence);
  assert.ok(start >= 0, sentence);
  const lines = text.slice(text.indexOf('\n\n', start) + 2).split('\n');
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('    '));
  return lines.slice(0, end).map((line) => line.slice(4));
}

const shown: readonly (readonly [sentence: string, path: string])[] = [
  ['`softmax.ts`, whole but for its imports', 'src/ir/ops/softmax.ts'],
  ['`mistral.ts` is such a file', 'src/nn/models/mistral.ts'],
  ['`dft.ts`, whole but for its imports and docstring', 'src/objectives/dft.ts'],
  ['`maskedThought.ts`, what it draws left out', 'src/data/maskedThought.ts'],
  ['`clipByComponentNorm.ts`, whole but for its imports', 'src/optimizers/clipByComponentNorm.ts'],
  ['`es.ts`, without its schema', 'src/optimizers/es.ts'],
  ['`interpolate.ts`, whole but for its imports', 'src/surgery/interpolate.ts'],
  ['`intruderDims.ts`, shortened', 'src/probes/intruderDims.ts'],
];

for (const [sentence, path] of shown) {
  test(`CONTRIBUTING shows ${path} as it is; lines with … are shortened`, () => {
    const source = read(path).split('\n');
    const lines = blockAfter(sentence).filter((line) => line !== '' && !line.includes('…'));
    assert.ok(lines.length > 5);
    let at = 0;
    for (const line of lines) {
      const found = source.indexOf(line, at);
      assert.ok(found >= 0, `${path} has no line: ${line}`);
      at = found + 1;
    }
  });
}
