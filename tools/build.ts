// Fills dist/ with the compiled sources and vendor/ with ONNX Runtime's CPU library of every platform and the native engine's that are built: what
// `npm pack` packs.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { onnxRuntimeFiles, onnxRuntimeVersion } from '../src/runtime/node/library.ts';
import { vendorOwn } from './native/vendor.ts';

const root = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);

rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiler = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });

const vendor = join(root, 'vendor', 'onnxruntime');
rmSync(vendor, { recursive: true, force: true });
const dependency = dirname(require.resolve('onnxruntime-node/package.json'));
for (const [key, name] of Object.entries(onnxRuntimeFiles)) {
  mkdirSync(join(vendor, key), { recursive: true });
  copyFileSync(join(dependency, 'bin', 'napi-v6', ...key.split('-'), name), join(vendor, key, name));
}
copyFileSync(join(root, 'tools', 'onnxruntime', 'LICENSE'), join(vendor, 'LICENSE'));
writeFileSync(join(vendor, 'version.json'), `${JSON.stringify({ version: onnxRuntimeVersion })}\n`);

await vendorOwn();
