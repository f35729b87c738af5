import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);

const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, Record<string, unknown>>;
};

test('a browser gets the part without files under the name tuneloop', () => {
  const conditions = manifest.exports['.'] ?? {};
  assert.deepEqual(conditions['browser'], { types: './dist/anywhere.d.ts', default: './dist/anywhere.js' });
  const order = Object.keys(conditions);
  assert.ok(order.indexOf('browser') < order.indexOf('default'), 'the first that fits is taken');
});

test('every entry point has its source, for those who work in a clone', () => {
  for (const [name, conditions] of Object.entries(manifest.exports)) {
    const source = conditions['tuneloop-source'];
    assert.equal(typeof source, 'string', name);
    const built = String(conditions['default']);
    assert.equal(built.replace('/dist/', '/src/').replace(/\.js$/, '.ts'), source);
    assert.ok(readFileSync(new URL(String(source), root)).length > 0);
  }
});
