import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How the library is compiled: an optimised build, or one with a sanitizer for long checks. */
export type BuildMode = 'release' | 'address' | 'thread';

const common = [
  '-std=c++17',
  '-fPIC',
  '-fvisibility=hidden',
  '-fno-math-errno',
  '-ffp-contract=fast',
  '-Wall',
  '-Wextra',
];
const modes: Readonly<Record<BuildMode, readonly string[]>> = {
  release: ['-O3'],
  address: ['-O1', '-g', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
  thread: ['-O1', '-g', '-fsanitize=thread'],
};

const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma'];

/** Sources beside those of all platforms, with the flags that their instruction set wants. */
const sets: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  x64: {
    'isa/base.cpp': [],
    'isa/basebf16.cpp': [],
    'isa/avx2.cpp': ['-mavx2', '-mfma'],
    'isa/avx512.cpp': avx512,
    'isa/avx512bf16.cpp': [...avx512, '-mavx512bf16'],
  },
  arm64: { 'isa/base.cpp': [], 'isa/basebf16.cpp': [] },
};

const plain = ['engine.cpp', 'pool.cpp', 'sets.cpp'];

/** File name of the library on a platform. */
export function nativeFileName(platform: string): string {
  if (platform === 'win32') return 'tuneloop.dll';
  return platform === 'darwin' ? 'libtuneloop.dylib' : 'libtuneloop.so';
}

/** One compiler call per source, and the one that links. */
export interface BuildPlan {
  readonly compile: readonly { readonly source: string; readonly object: string; readonly args: readonly string[] }[];
  readonly link: readonly string[];
  readonly library: string;
}

/** The calls that build the library for a platform in a folder. TypeError on a processor without kernels. */
export function buildPlan(
  sources: string,
  folder: string,
  { platform, arch, mode = 'release' }: { readonly platform: string; readonly arch: string; readonly mode?: BuildMode },
): BuildPlan {
  const special = sets[arch];
  if (!special) throw new TypeError(`Expected a processor among ${Object.keys(sets).join(', ')} but found ${arch}`);
  const flags = common.filter((flag) => platform !== 'win32' || flag !== '-fPIC');
  const compile = [...plain.map((source) => [source, []] as const), ...Object.entries(special)].map(([source, own]) => {
    const object = join(folder, `${source.replace('/', '-')}.o`);
    return { source, object, args: [...flags, ...modes[mode], ...own, '-c', join(sources, source), '-o', object] };
  });
  const library = join(folder, nativeFileName(platform));
  const threads = platform === 'linux' ? ['-pthread'] : [];
  const link = [
    '-shared',
    ...(mode === 'release' && platform !== 'darwin' ? ['-s'] : []),
    ...modes[mode],
    ...threads,
    ...compile.map(({ object }) => object),
    '-o',
    library,
  ];
  return { compile, link, library };
}

/** Carries a plan out, as many compilers at once as there are cores. Throws Error with the compiler's words. */
export async function runBuild({ compile, link }: BuildPlan, compiler: readonly string[]): Promise<void> {
  const [command = '', ...first] = compiler;
  const call = async (args: readonly string[]): Promise<void> => {
    try {
      await run(command, [...first, ...args], { maxBuffer: 1 << 26 });
    } catch (error) {
      const words = (error as { stderr?: string }).stderr ?? String(error);
      throw new Error(`${command} failed: ${words.slice(0, 2000)}`, { cause: error });
    }
  };
  // The largest sources come last in the list and take longest.
  const queue = [...compile];
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next; next = queue.pop()) await call(next.args);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  await call(link);
}

/** The first C++ compiler that answers, `CXX` before others. */
export async function findCompiler(): Promise<string | undefined> {
  const { CXX } = process.env;
  for (const name of [...(CXX === undefined ? [] : [CXX]), 'c++', 'g++', 'clang++']) {
    try {
      await run(name, ['--version']);
      return name;
    } catch {
      // Not there: the next one.
    }
  }
  return undefined;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(?:h|cpp)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** A name for the library that these sources make with this compiler. */
async function fingerprint(sources: string, compiler: string, mode: BuildMode): Promise<string> {
  const hash = createHash('sha256').update(`${compiler} ${mode} ${JSON.stringify([common, modes, sets])}`);
  for (const file of await filesBelow(sources)) hash.update(relative(sources, file)).update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

/** A build that gave no sign of life for so long was cut off. */
const staleMs = 120_000;

async function isStale(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > staleMs;
}

/**
 * The library built from a clone's sources, built now unless it is there. Several processes may ask at once: one builds,
 * the others wait. Throws Error when there is no compiler or it fails.
 */
export async function buildNativeLibrary(
  root: string,
  mode: BuildMode = 'release',
  say?: (line: string) => void,
): Promise<string> {
  const sources = join(root, 'native');
  const compiler = await findCompiler();
  if (compiler === undefined)
    throw new Error('the native engine is built by a C++ compiler, and none was found (c++, g++, clang++)');
  const name = await fingerprint(sources, compiler, mode);
  const folder = join(root, 'build', 'native', name);
  const library = join(folder, nativeFileName(process.platform));
  const making = `${folder}.making`;
  await mkdir(join(root, 'build', 'native'), { recursive: true });
  while (!existsSync(library)) {
    const mine = await mkdir(making).then(
      () => true,
      () => false,
    );
    if (!mine) {
      if (await isStale(making)) await rm(making, { recursive: true, force: true });
      else await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    if (existsSync(library)) {
      // Another one put it in place after this one had looked.
      await rm(making, { recursive: true, force: true });
      break;
    }
    // However long it takes, those who wait see that it goes on.
    const alive = setInterval(() => void utimes(making, new Date(), new Date()).catch(() => {}), staleMs / 8);
    try {
      say?.('Building the native engine, once…');
      await runBuild(buildPlan(sources, making, { platform: process.platform, arch: process.arch, mode }), [compiler]);
      await rename(making, folder);
    } catch (error) {
      await rm(making, { recursive: true, force: true });
      throw error;
    } finally {
      clearInterval(alive);
    }
  }
  return library;
}
