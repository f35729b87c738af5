// Packs the package, installs it in an empty folder as a user would, and looks at what came: no ONNX Runtime package with its
// download script, every entry point there, a program that runs on the machine's own Node, examples that type-check and run.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { exampleCalls } from './examples.ts';

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

  const foreign = readdirSync(modules()).filter((name) => /^(onnxruntime|node-|tuneloop-node)/.test(name));
  if (foreign.length > 0)
    throw new Error(`Expected no development dependency for users but found ${foreign.join(', ')}.`);
  const installed = join(modules(), 'tuneloop');
  for (const entry of entries(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as object)) {
    if (!existsSync(join(installed, entry)))
      throw new Error(`package.json names ${entry}, which is not in the package.`);
  }
  print(
    `installed: ${readdirSync(modules())
      .filter((name) => !name.startsWith('.'))
      .join(', ')}`,
  );
  print(`node ${call(folder, 'node', ['--version'], env).trim()}`);
  print(call(folder, join(modules(), '.bin', 'tuneloop'), ['doctor'], env).trim());
  tryNative();
  tryConfigs();
  tryExamples();
} finally {
  rmSync(folder, { recursive: true });
}

/** The native engine by the library that was packed for this platform, with nothing on the path: no compiler. */
function tryNative(): void {
  const vendor = join(modules(), 'tuneloop', 'vendor', 'native');
  const packed = existsSync(vendor) ? readdirSync(vendor).filter((name) => !name.includes('.')) : [];
  print(`native libraries packed: ${packed.join(', ') || 'none'}`);
  if (!packed.includes(`${process.platform}-${process.arch}`)) return;
  const node = call(folder, 'node', ['-p', 'process.execPath'], env).trim();
  const program = join(modules(), 'tuneloop', 'bin', 'tuneloop.js');
  const out = call(folder, node, [program, 'doctor', '--json'], { ...env, PATH: '', CXX: undefined });
  const { engines } = JSON.parse(out) as { engines: readonly { name: string; problem?: string }[] };
  const native = engines.find(({ name }) => name === 'native');
  if (native === undefined || native.problem !== undefined)
    throw new Error(`Expected the packed native engine to work but found ${native?.problem ?? 'none'}.`);
  print(`native engine without a compiler: ${JSON.stringify(native)}`);
}

/** Config files on the machine's own Node: a module that imports the package works, TypeScript too or is refused with what to do. */
function tryConfigs(): void {
  const config = {
    model: { path: join(folder, 'node_modules', 'tuneloop', 'assets', 'nano') },
    data: { path: join(folder, 'rows.jsonl') },
  };
  writeFileSync(config.data.path, `${JSON.stringify({ prompt: 'one', completion: ' 1' })}\n`);
  const source = `import { defineConfig } from 'tuneloop';\nexport default defineConfig(${JSON.stringify(config)});\n`;
  for (const ending of ['mjs', 'ts']) {
    const file = join(folder, `tuneloop.config.${ending}`);
    writeFileSync(file, source);
    const words = [join(folder, 'node_modules', '.bin', 'tuneloop'), 'tune', '--config', file, '--dry-run'];
    const { status, stderr } = spawnSync(words.join(' '), { cwd: folder, env, encoding: 'utf8', shell: true });
    rmSync(file);
    const refused = ending === 'ts' && stderr.includes('does not run TypeScript; Node 22.18 does');
    if (status !== 0 && !refused) throw new Error(`Expected a config in .${ending} to be read but found: ${stderr}`);
    print(`config in .${ending}: ${refused ? 'refused with what to do' : 'read'}`);
  }
}

/** The examples as a user's own files: against the package's types, under both resolutions, and run. */
function tryExamples(): void {
  const calls = exampleCalls(folder);
  const manifest = join(folder, 'package.json');
  const own = JSON.parse(readFileSync(manifest, 'utf8')) as object;
  writeFileSync(manifest, JSON.stringify({ ...own, type: 'module' }));
  for (const { name } of calls) copyFileSync(join(root, 'examples', name), join(folder, name));
  symlinkSync(join(root, 'node_modules', '@types'), join(modules(), '@types'), 'junction');
  symlinkSync(join(root, 'node_modules', 'undici-types'), join(modules(), 'undici-types'), 'junction');
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    const compilerOptions = { strict: true, noEmit: true, target: 'es2023', types: ['node'], module, moduleResolution };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: calls.map(({ name }) => name) }),
    );
    call(folder, process.execPath, [compiler, '-p', folder], env);
  }
  for (const { name, args, prints } of calls) {
    const out = call(folder, process.execPath, [name, ...args], env);
    const missing = prints.find((pattern) => !pattern.test(out));
    if (missing !== undefined) throw new Error(`${name}: expected ${String(missing)} but found ${out}`);
  }
  print(`examples type-check and run: ${calls.map(({ name }) => name).join(', ')}`);
}

function modules(): string {
  return join(folder, 'node_modules');
}

/** The files that `exports` and `bin` of a manifest name; a clone's sources are for those who ask for them. */
function entries(manifest: object): string[] {
  return Object.entries(manifest)
    .filter(([key]) => key === 'exports' || key === 'bin')
    .flatMap(([, value]) => paths(value));
}

function paths(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, each]) => (key === 'tuneloop-source' ? [] : paths(each)))
    : [];
}

function megabytes(file: string): string {
  return (statSync(file).size / 1e6).toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
