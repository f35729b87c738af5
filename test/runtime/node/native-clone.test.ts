import assert from 'node:assert/strict';
import { access, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildPlan, findCompiler } from '../../../src/runtime/node/native-build.ts';
import { buildNativeLibrary } from '../../../src/runtime/node/native-clone.ts';
import { findNativeLibrary, loadNativeLibrary } from '../../../src/runtime/node/native-library.ts';

const skip = (await findCompiler()) === undefined ? 'there is no C++ compiler' : false;

/** A clone whose native sources are small. */
let root = '';
const build = (): string => join(root, 'build', 'native');
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tuneloop-clone-'));
  await mkdir(join(root, 'native', 'isa'), { recursive: true });
  await writeFile(join(root, 'native', 'tuneloop.h'), '');
  const { platform, arch } = process;
  const { compile } = buildPlan('', '', { platform, arch, withModels: true });
  for (const each of compile) await writeFile(join(root, 'native', each.source), '');
  await source('extern "C" __attribute__((visibility("default"))) int tl_version() { return -1; }');
});
after(() => rm(root, { recursive: true }));

/** Changes the sources, so that they have no library yet. */
const source = (text: string): Promise<void> => writeFile(join(root, 'native', 'engine.cpp'), text);

test('of several that ask at once one builds, whole or not at all, and later ones find it', { skip }, async () => {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const libraries = await Promise.all([1, 2, 3].map(() => buildNativeLibrary(root, { say })));
  assert.equal(new Set(libraries).size, 1);
  assert.equal(said.filter((line) => line.startsWith('Building the native engine with')).length, 1);
  assert.equal(said.filter((line) => line.startsWith('Another process builds')).length, 2);
  assert.equal(await findNativeLibrary({ say: assert.fail }, root), libraries[0]);
  const [folder, ...others] = await readdir(build());
  assert.deepEqual(others, []);
  assert.equal((await readdir(join(build(), folder ?? ''))).length, 1);
});

test('a library of another version is refused in a sentence', { skip }, async () => {
  const library = await findNativeLibrary({}, root);
  assert.throws(() => loadNativeLibrary(library), /Expected the native library of version \d+ but found -1 at /);
});

test('a killed build is taken over at once, and what it left goes later', { skip }, async () => {
  await source('int other;');
  const left = join(build(), 'old-1-0.making');
  await mkdir(left);
  await utimes(left, 0, 0);
  // What this build's lock is called is known once it was built.
  const library = await buildNativeLibrary(root);
  const folder = join(library, '..');
  assert.ok(!(await readdir(build())).includes('old-1-0.making'));
  await rm(folder, { recursive: true });
  const noProcess = 2 ** 30;
  await writeFile(`${folder}.lock`, `${noProcess} ${hostname()}`);
  const begun = performance.now();
  assert.equal(await buildNativeLibrary(root), library);
  assert.ok(performance.now() - begun < 60_000);
  await assert.rejects(access(`${folder}.lock`));
});

test('a stopped build and a failed one leave nothing and say so', { skip }, async () => {
  await source('int third;');
  const before = await readdir(build());
  const stop = new AbortController();
  await assert.rejects(buildNativeLibrary(root, { say: () => stop.abort(), signal: stop.signal }), {
    name: 'AbortError',
  });
  assert.deepEqual(await readdir(build()), before);
  await source('no program');
  await assert.rejects(buildNativeLibrary(root), /failed: [^]*engine\.cpp/);
  assert.deepEqual(await readdir(build()), before);
});
