// Packs the package, installs it in an empty folder as a user would, and looks at what came: no ONNX Runtime package with its
// download script, every entry point there, and a program that runs on the machine's own Node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'tuneloop-package-'));
// The development dependencies' programs, the recent Node among them, are not a user's.
const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
// Nor is this project's .npmrc, which npm hands down to the programs it runs.
const env = { ...process.env, PATH: path.join(delimiter), npm_config_onnxruntime_node_install: undefined };
const windows = process.platform === 'win32';
const call = (cwd: string, command: string, args: string[], environment: NodeJS.ProcessEnv) =>
  execFileSync(command, args, {
    cwd,
    env: environment,
    encoding: 'utf8',
    shell: windows,
    stdio: ['ignore', 'pipe', 'inherit'],
  });

try {
  call(root, 'npm', ['pack', '--pack-destination', folder], process.env);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack wrote no tarball.');
  print(`${tarball}: ${megabytes(join(folder, tarball))} MB`);
  call(folder, 'npm', ['install', '--no-fund', '--no-audit', `./${tarball}`], env);

  const modules = join(folder, 'node_modules');
  const foreign = readdirSync(modules).filter((name) => /^(onnxruntime|node-|tuneloop-node)/.test(name));
  if (foreign.length > 0)
    throw new Error(`Expected no development dependency for users but found ${foreign.join(', ')}.`);
  const installed = join(modules, 'tuneloop');
  for (const entry of entries(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as object)) {
    if (!existsSync(join(installed, entry)))
      throw new Error(`package.json names ${entry}, which is not in the package.`);
  }
  print(
    `installed: ${readdirSync(modules)
      .filter((name) => !name.startsWith('.'))
      .join(', ')}`,
  );
  print(`node ${call(folder, 'node', ['--version'], env).trim()}`);
  print(call(folder, join(modules, '.bin', 'tuneloop'), ['doctor'], env).trim());
} finally {
  rmSync(folder, { recursive: true });
}

/** The files that `exports` and `bin` of a manifest name. */
function entries(manifest: object): string[] {
  return Object.entries(manifest)
    .filter(([key]) => key === 'exports' || key === 'bin')
    .flatMap(([, value]) => paths(value));
}

function paths(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(paths) : [];
}

function megabytes(file: string): string {
  return (statSync(file).size / 1e6).toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
