import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import koffi from 'koffi';
import { findOnnxRuntime, onnxRuntimeFiles, onnxRuntimeVersion } from '../../../src/runtime/node/library.ts';

function emptyRoot(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'tuneloop-library-'));
  context.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'package.json'), '{}');
  return root;
}

function place(file: string, manifest: string, version: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'library');
  writeFileSync(manifest, JSON.stringify({ version }));
}

test('the library of this platform loads and says the pinned version', () => {
  const file = findOnnxRuntime();
  assert.ok(statSync(file).size > 10_000_000, file);
  const library = koffi.load(file);
  const getBase: unknown = library.func('OrtGetApiBase', 'void *', [])();
  // OrtApiBase is two function pointers: GetApi(version), GetVersionString().
  const [, getVersion] = koffi.decode(getBase, koffi.array('void *', 2)) as unknown[];
  const version: unknown = koffi.decode(getVersion, koffi.proto('const char *GetVersionString()'))();
  assert.equal(version, onnxRuntimeVersion);
});

test('the development dependency is pinned to the version the code expects', () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  assert.partialDeepStrictEqual(manifest, { devDependencies: { 'onnxruntime-node': onnxRuntimeVersion } });
});

test('every platform has its library in the development dependency', () => {
  for (const key of Object.keys(onnxRuntimeFiles)) {
    const [platform = '', arch = ''] = key.split('-');
    assert.ok(statSync(findOnnxRuntime({ platform, arch })).size > 10_000_000, key);
  }
});

test('the carried library is taken before the development dependency', (context) => {
  const root = emptyRoot(context);
  const dependency = join(root, 'node_modules/onnxruntime-node');
  const other = join(dependency, 'bin/napi-v6/linux/arm64/libonnxruntime.so.1');
  place(other, join(dependency, 'package.json'), onnxRuntimeVersion);
  assert.equal(findOnnxRuntime({ platform: 'linux', arch: 'arm64', root }), other);
  const carried = join(root, 'vendor/onnxruntime/linux-arm64/libonnxruntime.so.1');
  place(carried, join(root, 'vendor/onnxruntime/version.json'), onnxRuntimeVersion);
  assert.equal(findOnnxRuntime({ platform: 'linux', arch: 'arm64', root }), carried);
});

test('another version is passed over, and refused when nothing else is there', (context) => {
  const root = emptyRoot(context);
  const carried = join(root, 'vendor/onnxruntime/linux-x64/libonnxruntime.so.1');
  place(carried, join(root, 'vendor/onnxruntime/version.json'), '1.29.0');
  assert.throws(
    () => findOnnxRuntime({ platform: 'linux', arch: 'x64', root }),
    (error: Error) =>
      error.message.includes(`Expected ONNX Runtime ${onnxRuntimeVersion} for linux-x64`) &&
      error.message.includes(`${carried} (version 1.29.0)`) &&
      error.message.includes('onnxruntime-node') &&
      error.message.includes('(absent)'),
  );
  const dependency = join(root, 'node_modules/onnxruntime-node');
  const other = join(dependency, 'bin/napi-v6/linux/x64/libonnxruntime.so.1');
  place(other, join(dependency, 'package.json'), onnxRuntimeVersion);
  assert.equal(findOnnxRuntime({ platform: 'linux', arch: 'x64', root }), other);
});

test('a platform without a library is refused by name', () => {
  assert.throws(
    () => findOnnxRuntime({ platform: 'darwin', arch: 'x64' }),
    /no CPU library for darwin-x64, only for darwin-arm64/,
  );
});
