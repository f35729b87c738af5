import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The ONNX Runtime that this package was written for; its C interface is read by offsets, so another version is refused. */
export const onnxRuntimeVersion = '1.30.0';

/** The library's file name on each platform that has one, by `process.platform`-`process.arch`. */
export const onnxRuntimeFiles: Readonly<Record<string, string>> = {
  'darwin-arm64': `libonnxruntime.${onnxRuntimeVersion}.dylib`,
  'linux-arm64': 'libonnxruntime.so.1',
  'linux-x64': 'libonnxruntime.so.1',
  'win32-arm64': 'onnxruntime.dll',
  'win32-x64': 'onnxruntime.dll',
};

/** Where to look: every field defaults to this process and this package. */
export interface LibrarySearch {
  readonly platform?: string;
  readonly arch?: string;
  /** The package's root folder, the one that holds `vendor/` or `node_modules/`. */
  readonly root?: string;
}

interface Candidate {
  readonly file: string;
  /** A JSON file whose `version` says which ONNX Runtime lies there. */
  readonly manifest: string;
}

/**
 * Path of ONNX Runtime's CPU library: the one carried in the published package, or the development dependency's in a clone.
 * Throws an Error that names the platform, the version wanted and every path tried.
 */
export function findOnnxRuntime(search: LibrarySearch = {}): string {
  const { platform = process.platform, arch = process.arch, root = packageRoot() } = search;
  const name = onnxRuntimeFiles[`${platform}-${arch}`];
  if (name === undefined) {
    const known = Object.keys(onnxRuntimeFiles).join(', ');
    throw new Error(
      `ONNX Runtime ${onnxRuntimeVersion} has no CPU library for ${platform}-${arch}, only for ${known}.`,
    );
  }
  const tried: string[] = [];
  for (const { file, manifest } of candidates(root, platform, arch, name)) {
    if (!existsSync(file)) {
      tried.push(`${file} (absent)`);
      continue;
    }
    const version = readVersion(manifest);
    if (version === onnxRuntimeVersion) return file;
    tried.push(`${file} (version ${version ?? 'unknown'})`);
  }
  throw new Error(
    `Expected ONNX Runtime ${onnxRuntimeVersion} for ${platform}-${arch} but found none of this version; tried ${tried.join(', ')}.`,
  );
}

function candidates(root: string, platform: string, arch: string, name: string): Candidate[] {
  const vendor = join(root, 'vendor', 'onnxruntime');
  const found = [{ file: join(vendor, `${platform}-${arch}`, name), manifest: join(vendor, 'version.json') }];
  const dependency = dependencyFolder(root);
  found.push({
    file: join(dependency, 'bin', 'napi-v6', platform, arch, name),
    manifest: join(dependency, 'package.json'),
  });
  return found;
}

function dependencyFolder(root: string): string {
  try {
    return join(createRequire(join(root, 'package.json')).resolve('onnxruntime-node/package.json'), '..');
  } catch {
    return join(root, 'node_modules', 'onnxruntime-node');
  }
}

function readVersion(manifest: string): string | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
    if (typeof content !== 'object' || content === null || !('version' in content)) return undefined;
    return typeof content.version === 'string' ? content.version : undefined;
  } catch {
    return undefined;
  }
}

/** This file lies three folders below the root, as source and as built. */
function packageRoot(): string {
  return fileURLToPath(new URL('../../../', import.meta.url));
}
