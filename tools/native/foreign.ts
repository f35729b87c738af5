import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Manifest = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A version that a package.json of this repository asks for. */
function versionIn(manifest: string, kind: string, name: string): string {
  const version = (JSON.parse(readFileSync(manifest, 'utf8')) as Manifest)[kind]?.[name];
  if (version === undefined) throw new Error(`${manifest} does not say which version of ${name}`);
  return version;
}

/** A platform that programs are run for here, by something that stands between. */
export interface ForeignPlatform {
  /** As npm and Node name it. */
  readonly os: string;
  readonly cpu: string;
  /** The npm package of its Node, and another version than a clone's where that one does not run. */
  readonly node: string;
  readonly nodeVersion?: string;
  /** Where the package has the program. */
  readonly program: string;
}

export interface Foreign {
  readonly node: string;
  readonly nodeVersion: string;
  /** The folder with koffi's module of that platform. */
  readonly modules: string;
  readonly library: string;
  /** What made the library. */
  readonly compiler: string;
}

/** Node of another platform and koffi's module for it, both from npm below build/, and the library that prebuild.ts makes for it. */
export function foreign(root: string, libraryName: string, platform: ForeignPlatform): Foreign {
  const { os, cpu, node, program } = platform;
  const key = `${os}-${cpu}`;
  const folder = join(root, 'build', key);
  const modules = join(folder, 'node_modules');
  const nodeVersion =
    platform.nodeVersion ?? versionIn(join(root, 'tools', 'node', 'package.json'), 'optionalDependencies', node);
  if (!existsSync(join(modules, node))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
    const koffi = versionIn(join(root, 'package.json'), 'dependencies', 'koffi');
    const packages = [`${node}@${nodeVersion}`, `@koromix/koffi-${key}@${koffi}`];
    const flags = ['--ignore-scripts', '--no-fund', '--no-audit', '--no-package-lock', '--force'];
    execFileSync('npm', ['install', `--os=${os}`, `--cpu=${cpu}`, ...flags, ...packages], {
      cwd: folder,
      stdio: 'inherit',
    });
  }
  execFileSync(process.execPath, [join(root, 'tools', 'native', 'prebuild.ts'), key], { stdio: 'inherit' });
  const vendored = join(root, 'vendor', 'native');
  const made = JSON.parse(readFileSync(join(vendored, 'version.json'), 'utf8')) as Manifest;
  return {
    node: join(modules, node, program),
    nodeVersion,
    modules,
    library: join(vendored, key, libraryName),
    compiler: made[key]?.['compiler'] ?? 'an unknown compiler',
  };
}
