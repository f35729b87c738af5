import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { text } from 'node:stream/consumers';

const program = `
  const args = process.argv.slice(2);
  process.stdout.write(JSON.stringify({ args, major: Number.parseInt(process.versions.node, 10) }) + '\\n');
  if (args[0] === 'fail') process.exitCode = 2;
  if (args[0] === 'echo') process.stdin.pipe(process.stdout);
  if (args[0] === 'wait') {
    setTimeout(() => {}, 30000);
    process.once('SIGINT', () => { process.stdout.write('saved\\n'); process.exit(130); });
    process.stdout.write('ready\\n');
  }
`;
const windows = process.platform === 'win32' && 'signals and links differ on Windows';

/** A folder with the launcher and the program at `main`; returns the launcher's path. */
function place(context: TestContext, main: string): string {
  const root = mkdtempSync(join(tmpdir(), 'tuneloop-launcher-'));
  context.after(() => rmSync(root, { recursive: true }));
  for (const folder of ['bin', 'src/cli', 'dist/cli', 'node_modules/.bin'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, main), program);
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  copyFileSync(new URL('../../bin/tuneloop.js', import.meta.url), join(root, 'bin/tuneloop.js'));
  return join(root, 'bin/tuneloop.js');
}

/** The machine's own Node when it is too old to read TypeScript. */
function oldNode(): string | undefined {
  const nodes = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return nodes.find(
    (node) => existsSync(node) && /^v2[0-3]\./.test(execFileSync(node, ['--version'], { encoding: 'utf8' })),
  );
}

async function end(child: ChildProcess): Promise<unknown> {
  const [code] = (await once(child, 'exit')) as unknown[];
  return code;
}

test('the published package runs its built program in the Node at hand', { skip: windows }, async (context) => {
  const child = spawn(process.execPath, [place(context, 'dist/cli/main.js'), 'fail', '--x']);
  const [output, code] = await Promise.all([text(child.stdout), end(child)]);
  assert.deepEqual(JSON.parse(output), { args: ['fail', '--x'], major: Number.parseInt(process.versions.node, 10) });
  assert.equal(code, 2);
});

const old = windows === false ? oldNode() : undefined;
const starters = [
  { name: 'a recent Node', node: process.execPath, skip: windows },
  { name: 'an older Node', node: old ?? '', skip: old === undefined && 'no Node 20 to 23 on the PATH' },
];
for (const { name, node, skip } of starters) {
  test(`in a clone ${name} runs the sources, passing input, output and exit code`, { skip }, async (context) => {
    const launcher = place(context, 'src/cli/main.ts');
    const failing = spawn(node, [launcher, 'fail']);
    const [output, code] = await Promise.all([text(failing.stdout), end(failing)]);
    assert.deepEqual(JSON.parse(output), { args: ['fail'], major: Number.parseInt(process.versions.node, 10) });
    assert.equal(code, 2);
    const echo = spawn(node, [launcher, 'echo']);
    echo.stdin.end('from stdin');
    assert.match(await text(echo.stdout), /from stdin$/);
  });

  test(`in a clone ${name} lets the program save on SIGINT and keeps its 130`, { skip }, async (context) => {
    const child = spawn(node, [place(context, 'src/cli/main.ts'), 'wait']);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.endsWith('ready\n')) child.kill('SIGINT');
    });
    assert.equal(await end(child), 130);
    assert.match(output, /saved\n$/);
  });
}

test(
  'an older Node without the development dependency is told what to do',
  { skip: old === undefined && 'no Node 20 to 23 on the PATH' },
  async (context) => {
    const launcher = place(context, 'src/cli/main.ts');
    rmSync(join(launcher, '../../node_modules'), { recursive: true });
    const child = spawn(old ?? '', [launcher]);
    const [errors, code] = await Promise.all([text(child.stderr), end(child)]);
    assert.match(errors, /need Node 24 or newer but this is v2\d.*run npm ci/);
    assert.equal(code, 1);
  },
);
