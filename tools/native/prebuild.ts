// Cross-compiles the native engine for the platforms that are named, or for all, into vendor/native/, those that are there already left
// out, with zig: `ZIG`, or `zig` on the path, or Python's package ziglang. With --check it compiles nothing and fails unless all are
// there as zig makes them of the present sources, which is what a package is published with.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPlan, runBuild } from '../../src/runtime/node/native-build.ts';
import { currentLibraries, nativeSources, platforms, vendor } from './vendor.ts';

/** Zig's command and version. */
function findZig(): { readonly zig: readonly string[]; readonly version: string } {
  const { ZIG } = process.env;
  const ways = [...(ZIG === undefined ? [] : [[ZIG]]), ['zig'], ['python3', '-m', 'ziglang']];
  for (const [command = '', ...first] of ways) {
    try {
      const version = execFileSync(command, [...first, 'version'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return { zig: [command, ...first], version: version.trim() };
    } catch {
      // Not there: the next one.
    }
  }
  throw new Error('Expected zig as ZIG, on the path, or by `pip install ziglang`, but found none');
}

/** Whether this zig takes an option for x64. */
function takes([command = '', ...first]: readonly string[], option: string): boolean {
  const call = [...first, 'c++', '-target', 'x86_64-linux-gnu', option, '-x', 'c++', '-E', '-'];
  return spawnSync(command, call, { input: '', stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}

async function build(key: string, zig: readonly string[], version: string): Promise<void> {
  const [platform = '', arch = ''] = key.split('-');
  const folder = await mkdtemp(join(tmpdir(), 'tuneloop-native-'));
  try {
    const plan = buildPlan(nativeSources, folder, { platform, arch });
    // Zig names every feature of a target, so that this one, which others take for granted, is off where there is one.
    const evex = '-mevex512';
    const more = takes(zig, evex) ? [evex] : [];
    const compile = plan.compile.map((call) =>
      call.args.includes('-mavx512f') ? { ...call, args: [...more, ...call.args] } : call,
    );
    await runBuild({ ...plan, compile }, [...zig, 'c++', '-target', platforms[key] ?? '']);
    const bytes = await vendor(key, plan.library, `zig ${version}`);
    console.log(`${key}: ${Math.round(bytes / 1024)} KB`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { check: { type: 'boolean' } } });
for (const key of positionals) {
  if (!(key in platforms))
    throw new RangeError(`Expected a platform among ${Object.keys(platforms).join(', ')} but found ${key}`);
}
const current = await currentLibraries();
const missing = (positionals.length > 0 ? positionals : Object.keys(platforms)).filter(
  (key) => !current[key]?.compiler.startsWith('zig '),
);
if (values.check === true) {
  if (missing.length > 0)
    throw new Error(
      `Expected libraries of the native engine by zig but found none of the present sources for ${missing.join(', ')}: run npm run prebuild-native`,
    );
} else if (missing.length === 0) {
  console.log('All are there.');
} else {
  const { zig, version } = findZig();
  console.log(`zig ${version}: ${missing.join(', ')}`);
  for (const key of missing) await build(key, zig, version);
}
