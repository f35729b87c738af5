// Long checks of the native engine: every sample of every operation, forward and gradient, and random operands, on three threads.
// `node tools/native/check.ts address|thread|arm64|windows [SET…]`: on a build with AddressSanitizer and UndefinedBehaviorSanitizer, on one
// with ThreadSanitizer, both on Linux with g++ or clang++, or on the library that prebuild.ts makes for Linux on ARM64, under qemu-user, or
// for Windows, under Wine. What was run is written to docs/sanitizers.md, instruction set by instruction set; all of them unless some are named.
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuildMode, findCompiler } from '../../src/runtime/node/native-build.ts';
import { buildNativeLibrary } from '../../src/runtime/node/native-clone.ts';
import { emulated } from './emulated.ts';
import type { Runner } from './runner.ts';
import { underWine } from './wine.ts';

const root = join(import.meta.dirname, '..', '..');

const sanitizers = {
  address: {
    title: 'AddressSanitizer and UndefinedBehaviorSanitizer',
    runtime: 'libasan.so',
    // Node's own memory lives until the process ends.
    environment: { ASAN_OPTIONS: 'detect_leaks=0:exitcode=66', UBSAN_OPTIONS: 'print_stacktrace=1' },
  },
  thread: {
    title: 'ThreadSanitizer',
    runtime: 'libtsan.so',
    // V8's own threads are none of ours.
    environment: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:exitcode=66' },
  },
} as const;

async function sanitized(mode: 'address' | 'thread'): Promise<Runner> {
  const { title, runtime, environment } = sanitizers[mode];
  const library = await buildNativeLibrary(root, {
    mode: mode satisfies BuildMode,
    withModels: true,
    say: console.log,
  });
  const compiler = (await findCompiler())?.command ?? 'c++';
  const asked = (args: readonly string[]): string => execFileSync(compiler, args, { encoding: 'utf8' }).trim();
  return {
    title,
    made: `${compiler} ${asked(['-dumpfullversion'])}.`,
    library,
    command: [process.execPath],
    environment: { ...environment, LD_PRELOAD: asked([`-print-file-name=${runtime}`]) },
  };
}

const head = `# Long checks of the native engine

Written by \`npm run check:native\`, \`npm run check:arm64\` and \`npm run check:windows\` (\`node tools/native/check.ts
address|thread|arm64|windows [SET…]\`), which run every sample of every operation, forward and gradient, and random operands, on three
threads: on builds with sanitizers, on the library for ARM64 under an emulator, and on the one for Windows under Wine. They hold the results to
the same bounds as the tests; a line stands where nothing was found.
`;

/** The page with the line of one instruction set replaced. */
function pageWith(page: string, { title, made }: Runner, set: string, line: string): string {
  const sections = new Map(
    page
      .split('\n## ')
      .slice(1)
      .map((section): [string, string[]] => {
        const [name = '', ...lines] = section.split('\n');
        return [name, lines.filter((each) => each.startsWith('- '))];
      }),
  );
  const others = (sections.get(title) ?? []).filter((each) => !each.startsWith(`- ${set}:`));
  sections.set(title, [...others, `- ${set}: ${line}, ${made}`].toSorted());
  const texts = [...sections]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, lines]) => `## ${name}\n\n${lines.join('\n')}\n`);
  return `${head}\n${texts.join('\n')}`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    draws: { type: 'string', default: '10' },
    sysroot: { type: 'string', default: '/usr/aarch64-linux-gnu' },
  },
});
const [mode = 'nothing', ...asked] = positionals;
const runners: Readonly<Record<string, () => Runner | Promise<Runner>>> = {
  address: () => sanitized('address'),
  thread: () => sanitized('thread'),
  arm64: () => emulated(root, values.sysroot),
  windows: () => underWine(root),
};
const runner = await runners[mode]?.();
if (!runner) throw new RangeError(`Expected one of ${Object.keys(runners).join(', ')} but found ${mode}`);
const { command, library, environment } = runner;
const driver = join(import.meta.dirname, 'operationsRun.ts');

/** What the driver prints, by way of files: under Wine, Node has no pipes. Error where it failed; what a sanitizer says goes to stderr. */
function run(args: readonly string[]): string {
  const [program = '', ...first] = command;
  const folder = mkdtempSync(join(tmpdir(), 'tuneloop-check-'));
  const paths = ['stdout', 'stderr'].map((name) => join(folder, name));
  const files = paths.map((path) => openSync(path, 'w'));
  try {
    const { status, signal } = spawnSync(program, [...first, driver, library, ...args], {
      stdio: ['ignore', ...files],
      env: { ...process.env, ...environment },
    });
    const [stdout = '', stderr = ''] = paths.map((path) => readFileSync(path, 'utf8'));
    process.stderr.write(stderr);
    if (status !== 0) throw new Error(`${stdout}${args.join(' ')}: ended with ${status ?? signal}`);
    return stdout.trim();
  } finally {
    files.forEach((file) => closeSync(file));
    rmSync(folder, { recursive: true });
  }
}

const page = join(root, 'docs', 'sanitizers.md');
for (const set of asked.length > 0 ? asked : run([]).split('\n')) {
  const begun = performance.now();
  const line = run([set, values.draws]);
  console.log(`${set}: ${line}, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  writeFileSync(page, pageWith(existsSync(page) ? readFileSync(page, 'utf8') : '', runner, set, line));
}
