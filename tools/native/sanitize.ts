// Builds the native engine with a sanitizer, runs all that has a test of its numbers on it, and writes what was found to
// docs/sanitizers.md: `node tools/native/sanitize.ts address` for AddressSanitizer with UndefinedBehaviorSanitizer, `thread` for
// ThreadSanitizer. Linux with g++ or clang++.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type BuildMode, findCompiler } from '../../src/runtime/node/native-build.ts';
import { buildNativeLibrary } from '../../src/runtime/node/native-clone.ts';

interface Sanitizer {
  readonly title: string;
  readonly runtime: string;
  readonly options: Readonly<Record<string, string>>;
}

const sanitizers: Readonly<Record<string, Sanitizer>> = {
  address: {
    title: 'AddressSanitizer and UndefinedBehaviorSanitizer',
    runtime: 'libasan.so',
    // Node's own memory lives until the process ends.
    options: { ASAN_OPTIONS: 'detect_leaks=0:exitcode=66', UBSAN_OPTIONS: 'print_stacktrace=1' },
  },
  // V8's own threads are none of ours.
  thread: {
    title: 'ThreadSanitizer',
    runtime: 'libtsan.so',
    options: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:exitcode=66' },
  },
};

const head = `# What the sanitizers say of the native engine

Written by \`node tools/native/sanitize.ts address\` and \`thread\`, which run every sample of every operation, forward and gradient, and
random operands on a build with the sanitizer, on three threads and every instruction set of the machine.
`;

/** The page with one sanitizer's section replaced. */
function pageWith(page: string, title: string, lines: string): string {
  const sections = page
    .split('\n## ')
    .slice(1)
    .filter((section) => !section.startsWith(`${title}\n`));
  const all = [...sections.map((section) => section.trim()), `${title}\n\n${lines.trim()}`].toSorted();
  return `${head}\n${all.map((section) => `## ${section}\n`).join('\n')}`;
}

const [mode = '', draws = '10'] = process.argv.slice(2);
const sanitizer = sanitizers[mode];
if (!sanitizer) throw new RangeError(`Expected address or thread but found ${mode || 'nothing'}`);
const { title, runtime, options } = sanitizer;
const library = await buildNativeLibrary(fileURLToPath(new URL('../../', import.meta.url)), {
  mode: mode as BuildMode,
  say: console.log,
});
const compiler = (await findCompiler()) ?? 'c++';
const text = (args: readonly string[]): string => execFileSync(compiler, args, { encoding: 'utf8' }).trim();
const driver = fileURLToPath(new URL('sanitizedRun.ts', import.meta.url));
const { status, stdout } = spawnSync(process.execPath, [driver, library, draws], {
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
  env: { ...process.env, ...options, LD_PRELOAD: text([`-print-file-name=${runtime}`]) },
});
console.log(stdout);
if (status === 0) {
  const page = fileURLToPath(new URL('../../docs/sanitizers.md', import.meta.url));
  const lines = `Nothing found, ${compiler} ${text(['-dumpfullversion'])}.\n\n${stdout.replaceAll(/^/gm, '- ').replace(/- $/, '')}`;
  writeFileSync(page, pageWith(existsSync(page) ? readFileSync(page, 'utf8') : '', title, lines));
}
process.exitCode = status ?? 1;
