import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, object>>;
}

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const nodeManifest = JSON.parse(read('tools/node/package.json')) as Manifest;

test('every dependency is pinned to one version', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...nodeManifest.optionalDependencies };
  assert.ok(Object.keys(all).length > 10);
  for (const [name, version] of Object.entries(all)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
});

test('users get neither onnxruntime-node with its download script nor a Node, and onnxruntime-web only where they ask for it', () => {
  assert.deepEqual(Object.keys(manifest.dependencies ?? {}).toSorted(), [
    '@huggingface/jinja',
    '@huggingface/tokenizers',
    'hyparquet',
    'hyparquet-compressors',
    'jpeg-js',
    'koffi',
    'yaml',
    'zod',
  ]);
  assert.equal(manifest.optionalDependencies, undefined);
  assert.deepEqual(manifest.peerDependencies, { 'onnxruntime-web': manifest.devDependencies?.['onnxruntime-web'] });
  assert.deepEqual(manifest.peerDependenciesMeta, { 'onnxruntime-web': { optional: true } });
});

test('the lock file names no registry and holds the Node of every platform', () => {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { resolved?: string }> };
  for (const [path, entry] of Object.entries(lock.packages)) {
    assert.ok(entry.resolved === undefined || entry.resolved.startsWith('tools/'), `${path}: ${entry.resolved ?? ''}`);
  }
  for (const name of Object.keys(nodeManifest.optionalDependencies ?? {}))
    assert.ok(lock.packages[`node_modules/${name}`], name);
});
