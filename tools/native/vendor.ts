import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nativeFileName } from '../../src/runtime/node/native-build.ts';
import { buildNativeLibrary, nativeFingerprint } from '../../src/runtime/node/native-clone.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'vendor', 'native');
const record = join(folder, 'version.json');

/** The sources of all platforms' libraries. */
export const nativeSources = join(root, 'native');

/** Zig's name of each platform that the package has a library for, by `process.platform`-`process.arch`. */
export const platforms: Readonly<Record<string, string>> = {
  'linux-x64': 'x86_64-linux-gnu.2.28',
  'linux-arm64': 'aarch64-linux-gnu.2.28',
  'darwin-x64': 'x86_64-macos.12.0',
  'darwin-arm64': 'aarch64-macos.12.0',
  'win32-x64': 'x86_64-windows-gnu',
};

/** What vendor/native/version.json says of a library: the sources that it was made of, and by what. */
export interface Vendored {
  readonly sources: string;
  readonly compiler: string;
}

const libraryOf = (key: string): string => join(folder, key, nativeFileName(key.split('-')[0] ?? ''));

function vendored(): Record<string, Vendored> {
  return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as Record<string, Vendored>) : {};
}

const sourcesName = (): Promise<string> => nativeFingerprint(nativeSources, 'vendor');

/** The libraries in vendor/native/ that were made of the sources as they are. */
export async function currentLibraries(): Promise<Readonly<Record<string, Vendored>>> {
  const sources = await sourcesName();
  return Object.fromEntries(
    Object.entries(vendored()).filter(([key, made]) => made.sources === sources && existsSync(libraryOf(key))),
  );
}

/** Takes a library into vendor/native/; its size in bytes. */
export async function vendor(key: string, library: string, compiler: string): Promise<number> {
  mkdirSync(join(folder, key), { recursive: true });
  await copyFile(library, libraryOf(key));
  writeFileSync(record, `${JSON.stringify({ ...vendored(), [key]: { sources: await sourcesName(), compiler } })}\n`);
  return statSync(libraryOf(key)).size;
}

/** Removes libraries of other sources, takes this machine's own where there is none, and says which platforms have none. */
export async function vendorOwn(): Promise<void> {
  const current = await currentLibraries();
  for (const key of Object.keys(vendored())) {
    if (!(key in current)) rmSync(join(folder, key), { recursive: true, force: true });
  }
  if (existsSync(record)) writeFileSync(record, `${JSON.stringify(current)}\n`);
  const own = `${process.platform}-${process.arch}`;
  if (own in platforms && !(own in current)) {
    try {
      await vendor(own, await buildNativeLibrary(root, { say: console.log }), "this machine's own");
    } catch (error) {
      console.log(error instanceof Error ? error.message : String(error));
    }
  }
  const now = await currentLibraries();
  const missing = Object.keys(platforms).filter((key) => !(key in now));
  if (missing.length > 0)
    console.log(`no native library for ${missing.join(', ')}: npm run prebuild-native builds those of all platforms`);
}
