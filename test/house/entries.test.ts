import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);

/** Everything that a module loads when it is loaded, but for types: files of src/ and packages. */
function loaded(entry: string): { readonly files: readonly string[]; readonly packages: readonly string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const walk = (url: URL): void => {
    if (files.has(url.href)) return;
    files.add(url.href);
    const statements = readFileSync(url, 'utf8').matchAll(/^(?:import|export)\s(?!type\b)([^;]*?)from '([^']+)';/gms);
    for (const [, names = '', specifier = ''] of statements) {
      // { type A, type B } loads nothing.
      const listed = /^\s*\{([\s\S]*)\}\s*$/
        .exec(names)?.[1]
        ?.split(',')
        .map((name) => name.trim());
      if (listed?.every((name) => name === '' || name.startsWith('type ')) === true) continue;
      if (specifier.startsWith('.')) walk(new URL(specifier, url));
      else packages.add(specifier);
    }
  };
  walk(new URL(entry, root));
  return { files: [...files].map((file) => file.slice(root.href.length)), packages: [...packages] };
}

const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, Record<string, unknown>>;
};

test('what a browser gets under the name tuneloop loads nothing of Node', () => {
  const conditions = manifest.exports['.'] ?? {};
  assert.deepEqual(conditions['browser'], { types: './dist/anywhere.d.ts', default: './dist/anywhere.js' });
  const order = Object.keys(conditions);
  assert.ok(order.indexOf('browser') < order.indexOf('default'), 'the first that fits is taken');
  const { files, packages } = loaded('src/anywhere.ts');
  assert.ok(files.length > 100, `${files.length} files`);
  assert.deepEqual(
    packages.filter((name) => isBuiltin(name) || name === 'koffi'),
    [],
  );
  assert.deepEqual(
    files.filter((file) => /src\/(runtime\/node|hub\/files|hub\/node|cli|serve)/.test(file)),
    [],
  );
});

test('the walk sees what Node needs where it is needed', () => {
  assert.ok(loaded('src/index.ts').packages.includes('node:fs/promises'));
});

test('every entry point has its source, for those who work in a clone', () => {
  for (const [name, conditions] of Object.entries(manifest.exports)) {
    const source = conditions['tuneloop-source'];
    assert.equal(typeof source, 'string', name);
    const built = String(conditions['default']);
    assert.equal(built.replace('/dist/', '/src/').replace(/\.js$/, '.ts'), source);
    assert.ok(readFileSync(new URL(String(source), root)).length > 0);
  }
});
