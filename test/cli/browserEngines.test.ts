import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { browserEngines } from '../../src/cli/browserEngines.ts';

test('the files of the browser engines are found, or what to install is named', () => {
  assert.match(browserEngines(import.meta.url), /^engines for browsers: wasm and webgpu, onnxruntime-web \d/);
  assert.match(browserEngines(pathToFileURL('/nowhere.js').href), /npm install onnxruntime-web@\d/);
});
