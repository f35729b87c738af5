import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundle } from '../../tools/web/bundle.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
after(() => rmSync(folder, { recursive: true }));

/** A module that uses an entry of the package as a page would. */
function user(name: string, text: string): string {
  const path = join(folder, `${name}.ts`);
  writeFileSync(path, text);
  return path;
}

const from = (entry: string): string => JSON.stringify(join(root, 'src', entry));

test('what a browser gets under the names tuneloop and tuneloop/web goes into a browser bundle without a module of Node', async () => {
  const files = await bundle([
    user('all', `export * from ${from('anywhere.ts')};`),
    user('web', `export * from ${from('web.ts')};`),
  ]);
  const [all, web] = ['/all.js', '/web.js'].map((path) => {
    const entry = files[path];
    return entry && 'bytes' in entry ? new TextDecoder().decode(entry.bytes) : assert.fail(path);
  });
  assert.match(all ?? '', /referenceEngine/);
  assert.match(web ?? '', /webEngine/);
  for (const text of [all, web]) {
    assert.doesNotMatch(text ?? '', /from\s*["'](?:node:|koffi|onnxruntime)/);
    assert.doesNotMatch(text ?? '', /\brequire\(/);
  }
});

test('a bundle with a module of Node in it fails and names it', async () => {
  await assert.rejects(bundle([user('node', `export * from ${from('index.ts')};`)]), /node:fs/);
});
