import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { threadId } from 'node:worker_threads';
import { ageMs, staleMs, withBuildLock } from './build-lock.ts';
import {
  buildFlags,
  type BuildMode,
  buildPlan,
  findCompiler,
  nativeFileName,
  runBuild,
  unknownSets,
} from './native-build.ts';

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(?:h|cpp)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** A name for the library that these sources make with this compiler. */
export async function nativeFingerprint(
  sources: string,
  compiler: string,
  mode: BuildMode = 'release',
): Promise<string> {
  const hash = createHash('sha256').update(`${compiler} ${mode} ${buildFlags}`);
  for (const file of await filesBelow(sources)) hash.update(relative(sources, file)).update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

export interface BuildOptions {
  readonly mode?: BuildMode;
  /** With the models of instruction sets, for checks; one that has them does for those who ask without. Default: without. */
  readonly withModels?: boolean;
  /** Told before something that takes long. */
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Removes what killed processes left in the folder of libraries. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.making'))) {
    const path = join(folder, name);
    if ((await ageMs(path).catch(() => 0)) > staleMs) await rm(path, { recursive: true, force: true });
  }
}

/** Builds a library in a folder of this thread's own and renames it when it is whole. */
async function buildInto(
  folder: string,
  make: (making: string) => Promise<{ readonly library: string; readonly objects: readonly string[] }>,
): Promise<void> {
  const making = `${folder}-${process.pid}-${threadId}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making);
  try {
    const { library, objects } = await make(making);
    for (const object of objects) await rm(object);
    // One that thought this process dead may have been faster.
    if (!existsSync(join(folder, relative(making, library)))) await rename(making, folder);
  } finally {
    // What a killed compiler leaves running may still write a last file.
    await rm(making, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/**
 * The library built from a clone's sources, built now unless it is there. Several processes may ask at once: one builds,
 * the others wait. Throws Error when there is no compiler or it fails, AbortError when stopped.
 */
export async function buildNativeLibrary(root: string, options: BuildOptions = {}): Promise<string> {
  const { mode = 'release', withModels = false, say, signal } = options;
  const compiler = await findCompiler();
  if (compiler === undefined)
    throw new Error('the native engine is built by a C++ compiler, and none was found (c++, g++, clang++)');
  const { command } = compiler;
  const sources = join(root, 'native');
  const below = join(root, 'build', 'native');
  const plain = join(below, await nativeFingerprint(sources, `${command} ${compiler.version}`, mode));
  const modelled = `${plain}-models`;
  const libraryIn = (folder: string): string => join(folder, nativeFileName(process.platform));
  if (existsSync(libraryIn(modelled))) return libraryIn(modelled);
  const folder = withModels ? modelled : plain;
  const library = libraryIn(folder);
  if (existsSync(library)) return library;
  await mkdir(below, { recursive: true });
  const wait = (): void => say?.('Another process builds the native engine; waiting for it…');
  await withBuildLock(`${folder}.lock`, { wait, signal }, async () => {
    if (existsSync(library)) return;
    await removeLeftovers(below);
    say?.(`Building the native engine with ${command}, once; this takes about a minute…`);
    const { platform, arch } = process;
    const without = await unknownSets(command, arch);
    if (without.length > 0)
      say?.(`${compiler.version} does not know the instructions of ${without.join(' and ')}: built without.`);
    await buildInto(folder, async (making) => {
      const plan = buildPlan(sources, making, { platform, arch, mode, withModels, without });
      await runBuild(plan, [command], signal);
      return { library: plan.library, objects: plan.compile.map(({ object }) => object) };
    });
  });
  return library;
}
