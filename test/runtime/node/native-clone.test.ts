import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { access, cp, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildPlan, findCompiler, unknownSets } from '../../../src/runtime/node/native-build.ts';
import { buildNativeLibrary } from '../../../src/runtime/node/native-clone.ts';
import { instructionSetsLeftOut, nativeEngine } from '../../../src/runtime/node/native-engine.ts';
import { findNativeLibrary, loadNativeLibrary } from '../../../src/runtime/node/native-library.ts';

const compiler = await findCompiler();
const skip = compiler === undefined ? 'there is no C++ compiler' : false;

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

test('models of instruction sets are built where they are asked for, and then serve all', { skip }, async () => {
  await source('int modelled;');
  await writeFile(
    join(root, 'native', 'isa', 'amxbf16model.cpp'),
    '#ifndef TL_MODELS\n#error a model unasked\n#endif\n',
  );
  const plain = await buildNativeLibrary(root);
  const modelled = await buildNativeLibrary(root, { withModels: true });
  assert.notEqual(modelled, plain);
  assert.equal(await findNativeLibrary({ say: assert.fail }, root), modelled);
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

/** A compiler that refuses flags. */
async function refusing(...flags: string[]): Promise<string> {
  const script = join(root, 'old-compiler');
  const refused = flags.map((flag) => `*" ${flag} "*`).join('|');
  const text = `#!/bin/sh
case " $* " in ${refused}) echo "error: unrecognized command-line option" >&2; exit 1 ;; esac
exec ${compiler?.command} "$@"
`;
  await writeFile(script, text, { mode: 0o755 });
  return script;
}

test(
  'a build does without the instruction sets that its compiler does not know, and its library says so',
  {
    skip:
      skip !== false ? skip : process.platform === 'win32' || process.arch !== 'x64' ? 'it has no such sets' : false,
  },
  async () => {
    // One that takes the flags knows the instructions.
    const flags = ['-mavx512bf16', '-mamx-tile', '-mamx-bf16', '-fsyntax-only', '-x', 'c++', '/dev/null'];
    if (spawnSync(compiler?.command ?? '', flags).status === 0)
      assert.deepEqual(await unknownSets(await refusing('-none'), 'x64'), []);
    assert.ok((await unknownSets(await refusing('-mamx-bf16'), 'x64')).includes('amxbf16'));
    assert.deepEqual(await unknownSets(await refusing('-mamx-bf16'), 'arm64'), []);
    const old = await refusing('-mavx512bf16', '-mamx-bf16');
    assert.deepEqual(await unknownSets(old, 'x64'), ['avx512bf16', 'amxbf16']);
    // The real sources over sets that are empty.
    const own = join(import.meta.dirname, '..', '..', '..', 'native');
    await cp(own, join(root, 'native'), { recursive: true });
    const { compile } = buildPlan('', '', { platform: process.platform, arch: 'x64' });
    for (const each of compile) {
      const set = /^isa\/(.*)\.cpp$/.exec(each.source)?.[1];
      if (set === undefined) continue;
      const isBf16 = set.endsWith('bf16');
      const rest = isBf16 ? '&baseSet' : 'nullptr';
      await writeFile(
        join(root, 'native', each.source),
        `#include "../kernel.h"
namespace tl {
static bool present() { return true; }
extern const KernelSet baseSet, ${set}Set;
const KernelSet ${set}Set{"${set}", present, nullptr, nullptr, 0, ${rest}, ${set !== 'basebf16'}};
} // namespace tl
`,
      );
    }
    const said: string[] = [];
    const { CXX } = process.env;
    process.env['CXX'] = old;
    try {
      const library = await buildNativeLibrary(root, { say: (line) => said.push(line) });
      assert.match(said.join('\n'), /does not know the instructions of avx512bf16 and amxbf16: built without\./);
      assert.deepEqual(instructionSetsLeftOut(library), ['avx512bf16', 'amxbf16']);
      for (const precision of [undefined, 'bf16'] as const)
        assert.throws(
          () => nativeEngine({ library, instructionSet: 'amxbf16', ...(precision ? { precision } : {}) }),
          /Expected a library with amxbf16 but found one whose compiler did not know it, at /,
        );
      assert.equal(nativeEngineSet(library), 'basebf16');
    } finally {
      if (CXX === undefined) delete process.env['CXX'];
      else process.env['CXX'] = CXX;
    }
  },
);

function nativeEngineSet(library: string): string {
  const engine = nativeEngine({ library, precision: 'bf16', threads: 1 });
  engine.close();
  return engine.instructionSet;
}
