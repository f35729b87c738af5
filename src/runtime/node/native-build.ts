import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
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

/** Not every C++ runtime takes back what it registered for the process's end when a library is unloaded: this one stays. */
const linux = ['-pthread', '-Wl,-z,nodelete'];

const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma'];

/** Sources beside those of all platforms, with the flags that their instruction set wants. */
const sets: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  x64: {
    'isa/base.cpp': [],
    'isa/basebf16.cpp': [],
    'isa/avx2.cpp': ['-mavx2', '-mfma'],
    'isa/avx512.cpp': avx512,
    'isa/avx512bf16.cpp': [...avx512, '-mavx512bf16'],
    'isa/amxbf16.cpp': [...avx512, '-mavx512bf16', '-mamx-tile', '-mamx-bf16'],
  },
  arm64: { 'isa/base.cpp': [], 'isa/basebf16.cpp': [], 'isa/neon.cpp': [] },
};

const plain = ['engine.cpp', 'pages.cpp', 'pool.cpp', 'processor.cpp', 'scans.cpp', 'sets.cpp'];

/** Sets that a build does without where the compiler does not know their instructions, which it is asked by a line of each. */
const probes: Readonly<Record<string, string>> = {
  avx512bf16: '__m512 probe(__m512 s, __m512bh a, __m512bh b) { return _mm512_dpbf16_ps(s, a, b); }',
  amxbf16: 'void probe(const void *p) { _tile_stream_loadd(0, p, 64); _tile_dpbf16ps(1, 2, 3); }',
};
const nowhere = process.platform === 'win32' ? 'NUL' : '/dev/null';
const sourceOf = (set: string): string => `isa/${set}.cpp`;

/** A set of kernels that computes in software what an instruction set would, to check those kernels where it is missing. */
const models: readonly (readonly [source: string, flags: readonly string[]])[] = [['isa/amxbf16model.cpp', []]];

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

export interface BuildTarget {
  readonly platform: string;
  readonly arch: string;
  readonly mode?: BuildMode;
  /** With the models of instruction sets, which are for checks. */
  readonly withModels?: boolean;
  /** Sets that are left out, from `unknownSets`. */
  readonly without?: readonly string[];
}

function setsOf(arch: string): Readonly<Record<string, readonly string[]>> {
  const found = sets[arch];
  if (!found) throw new TypeError(`Expected a processor among ${Object.keys(sets).join(', ')} but found ${arch}`);
  return found;
}

/** The calls that build the library for a platform in a folder. TypeError on a processor without kernels. */
export function buildPlan(
  sources: string,
  folder: string,
  { platform, arch, mode = 'release', withModels = false, without = [] }: BuildTarget,
): BuildPlan {
  const special = setsOf(arch);
  const flags = [
    ...common.filter((flag) => platform !== 'win32' || flag !== '-fPIC'),
    ...(withModels ? ['-DTL_MODELS'] : []),
    ...(without.length > 0 ? [`-DTL_LEFT_OUT="${without.join()}"`] : []),
    ...without.map((set) => `-DTL_WITHOUT_${set.toUpperCase()}`),
  ];
  const all = [
    ...plain.map((source) => [source, []] as const),
    ...(withModels ? models : []),
    ...Object.entries(special).filter(([source]) => !without.some((set) => sourceOf(set) === source)),
  ];
  const compile = all.map(([source, own]) => {
    const object = join(folder, `${source.replace('/', '-')}.o`);
    return { source, object, args: [...flags, ...modes[mode], ...own, '-c', join(sources, source), '-o', object] };
  });
  const library = join(folder, nativeFileName(platform));
  const link = [
    '-shared',
    ...(mode === 'release' && platform !== 'darwin' ? ['-s'] : []),
    ...modes[mode],
    ...(platform === 'linux' ? linux : []),
    ...(platform === 'darwin' ? ['-Wl,-install_name,@rpath/libtuneloop.dylib'] : []),
    ...compile.map(({ object }) => object),
    '-o',
    library,
  ];
  return { compile, link, library };
}

/** Carries a plan out, as many compilers at once as there are cores. Throws Error with the compiler's words, AbortError when stopped. */
export async function runBuild(
  { compile, link }: BuildPlan,
  compiler: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const [command = '', ...first] = compiler;
  const failed = new AbortController();
  const stop = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  const call = async (args: readonly string[]): Promise<void> => {
    try {
      await run(command, [...first, ...args], { maxBuffer: 1 << 26, signal: stop });
    } catch (error) {
      // Ctrl-C reaches the compiler as well as this process, which hears of it now.
      await immediate();
      signal?.throwIfAborted();
      const words = (error as { stderr?: string }).stderr ?? String(error);
      throw new Error(`${command} failed: ${words.slice(0, 2000)}`, { cause: error });
    }
  };
  // The largest sources come last in the list and take longest.
  const queue = [...compile];
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next && !stop.aborted; next = queue.pop())
      try {
        await call(next.args);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
  };
  // All of them have ended before anybody removes the folder that they write to.
  await Promise.allSettled(Array.from({ length: availableParallelism() }, worker));
  stop.throwIfAborted();
  await call(link);
}

/** The instruction sets of a processor that a compiler does not know, of those that a build does without. */
export async function unknownSets(compiler: string, arch: string): Promise<readonly string[]> {
  const optional = Object.entries(probes).filter(([set]) => sourceOf(set) in setsOf(arch));
  const answers = await Promise.all(
    optional.map(async ([set, line]): Promise<string[]> => {
      // An assembler may be older than its compiler.
      const flags = [...(setsOf(arch)[sourceOf(set)] ?? []), '-x', 'c++', '-c', '-', '-o', nowhere];
      const asked = run(compiler, flags);
      asked.child.stdin?.on('error', () => {}).end(`#include <immintrin.h>\n${line}\n`);
      return asked.then(
        () => [],
        () => [set],
      );
    }),
  );
  return answers.flat();
}

export interface Compiler {
  readonly command: string;
  /** What it says of itself. */
  readonly version: string;
}

/** The first C++ compiler that answers, `CXX` before others. */
export async function findCompiler(): Promise<Compiler | undefined> {
  const { CXX } = process.env;
  for (const command of [...(CXX === undefined ? [] : [CXX]), 'c++', 'g++', 'clang++']) {
    try {
      const { stdout } = await run(command, ['--version']);
      return { command, version: stdout.split('\n')[0] ?? '' };
    } catch {
      // Not there: the next one.
    }
  }
  return undefined;
}

/** What decides beside the sources what the compiler makes of them. */
export const buildFlags = JSON.stringify([common, modes, linux, sets, models, probes]);
